"""State dicts as safetensors files, and what the networks say, beside which imported weights are tested."""
import json
import os
import struct

import torch
from _save import Area

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = {torch.float32: 'F32', torch.float64: 'F64', torch.float16: 'F16', torch.bfloat16: 'BF16', torch.int64: 'I64'}


def container(path, tensors):
    """The safetensors format: wide numbers first, then by name, as its own library sorts them."""
    header, data = {'__metadata__': {'format': 'pt'}}, b''
    for name, tensor in sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0])):
        raw = tensor.detach().contiguous()
        raw = raw.view(torch.int16) if raw.dtype == torch.bfloat16 else raw
        part = raw.numpy().tobytes()
        header[name] = {'dtype': NAMES[tensor.dtype], 'shape': list(tensor.shape), 'data_offsets': [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text + data)


def read(path):
    with open(path, 'rb') as file:
        length, = struct.unpack('<Q', file.read(8))
        header, data = json.loads(file.read(length)), file.read()
    header.pop('__metadata__', None)
    return {name: torch.frombuffer(bytearray(data[t['data_offsets'][0]:t['data_offsets'][1]]), dtype=torch.float32).reshape(t['shape'])
            for name, t in header.items()}


class Cnn(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(2, 4, (3, 2), padding=(1, 0), bias=False)
        self.bn1 = torch.nn.BatchNorm2d(4)
        self.depth = torch.nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.conv2 = torch.nn.Conv2d(4, 6, 1, groups=2)
        self.norm = torch.nn.GroupNorm(3, 6)
        self.bn2 = torch.nn.BatchNorm1d(6 * 3 * 2)
        self.slope = torch.nn.PReLU()
        self.fc = torch.nn.Linear(6 * 3 * 2, 5)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.norm(self.conv2(torch.tanh(self.depth(x))))
        x = torch.nn.functional.max_pool2d(x, 2)
        return self.fc(self.slope(self.bn2(torch.flatten(x, 1))))


def randomise(module):
    for name, tensor in module.state_dict().items():
        if tensor.dtype == torch.float32:
            tensor.copy_(torch.rand_like(tensor) + 0.5 if 'var' in name else torch.randn_like(tensor) * 0.5)


with Area('weights') as area:
    cnn, x = Cnn().eval(), torch.randn(3, 2, 6, 5)
    randomise(cnn)
    container(os.path.join(HERE, '../golden/torch_cnn.safetensors'), cnn.state_dict())
    area.save('cnn.x', x.permute(0, 2, 3, 1))
    area.save('cnn.y', cnn(x))

    layers = [torch.nn.Linear(3, 4), torch.nn.Tanh()]
    for _ in range(5):
        layers += [torch.nn.Linear(4, 4), torch.nn.Tanh()]
    mlp, x = torch.nn.Sequential(*layers, torch.nn.Linear(4, 2)).eval(), torch.randn(4, 3)
    types = [torch.float64, torch.float16, torch.bfloat16, torch.float32]
    tensors = {name: tensor.to(types[i % 4]) for i, (name, tensor) in enumerate(mlp.state_dict().items())}
    mlp.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    container(os.path.join(HERE, '../golden/torch_mlp.safetensors'), tensors)
    area.save('mlp.x', x)
    area.save('mlp.y', mlp(x))

    exported = os.path.join(HERE, '../golden/exported_cnn.safetensors')
    if os.path.exists(exported):  # what nn_weights_save wrote must fit PyTorch's module, and be what it was
        theirs, ours = cnn.state_dict(), read(exported)
        ours.update({name: tensor for name, tensor in theirs.items() if 'num_batches' in name})
        ours['slope.weight'] = ours['slope.weight'][:1]
        cnn.load_state_dict(ours)
        area.save('cnn.exported_y', cnn(torch.tensor([[[[0.1 * (i + j + c) for j in range(5)] for i in range(6)] for c in range(2)]])))
