"""What the scripts beside this one share: each writes tests/golden/AREA.torch.txt, one line an array: name, length, values."""
import os

import torch

torch.manual_seed(1)
torch.set_num_threads(1)


class Area:
    """with Area('norm') as area: area.save('batch_norm.y', tensor)"""

    def __init__(self, name):
        self.path = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'golden', name + '.torch.txt')
        self.lines = []

    def __enter__(self):
        return self

    def save(self, name, tensor):
        """Images are given to PyTorch as NCHW: permute(0, 2, 3, 1) them first, here everything is NHWC."""
        values = tensor.detach().to(torch.float32).reshape(-1).tolist()
        self.lines.append(' '.join([name, str(len(values))] + ['%.9g' % v for v in values]))

    def __exit__(self, kind, value, trace):
        if kind is None:
            with open(self.path, 'w') as file:
                file.write('\n'.join(self.lines) + '\n')
