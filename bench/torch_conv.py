#!/usr/bin/env python3
"""PyTorch as a contender of bench_conv. Images are channels last, as in nn.h, which is also what oneDNN likes best."""
from torch_peer import element, main, np, sketch, torch


def tensor(seed, shape):
    return torch.from_numpy(element(seed, int(np.prod(shape))).reshape(shape))


def last(image):
    """images x height x width x channels as PyTorch names them, not moved."""
    return image.permute(0, 3, 1, 2)


def prepare(request):
    """The call and the reply."""
    name, *numbers = request.split()
    images, size, channels, filters, kernel, stride, pad, groups = map(int, numbers)
    out = (size + 2 * pad - kernel) // stride + 1
    x = last(tensor(1, (images, size, size, channels)))
    dy = last(tensor(2, (images, out, out, filters)))
    w = tensor(3, (kernel, kernel, channels // groups, filters)).permute(3, 2, 0, 1)
    w = w.contiguous(memory_format=torch.channels_last)
    bias = tensor(4, (filters,))
    stride, pad, one = [stride] * 2, [pad] * 2, [1, 1]

    def backward(mask):
        return torch.ops.aten.convolution_backward(dy, x, w, [filters], stride, pad, one, False, [0, 0], groups, mask)

    call, order, cols = {
        'y': (lambda: torch.nn.functional.conv2d(x, w, bias, stride, pad, one, groups), (0, 2, 3, 1), filters),
        'dx': (lambda: backward([True, False, False])[0], (0, 2, 3, 1), channels),
        'dw': (lambda: backward([False, True, False])[1], (2, 3, 1, 0), filters),
    }[name]
    result = call().permute(order).reshape(-1, cols).numpy()
    return call, 'ok ' + ' '.join(repr(float(s)) for s in sketch(result))


main(prepare)
