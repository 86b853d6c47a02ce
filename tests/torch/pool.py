"""Pooling and its gradients, for test_pool.c."""
import torch

from _save import Area

F = torch.nn.functional
CASES = {  # images, channels, height, width, and options
    'max_plain': ((2, 3, 6, 5), dict(kernel_size=2)),
    'max_overlapping': ((1, 2, 7, 6), dict(kernel_size=3, stride=(2, 1), padding=1)),
    'max_ceil': ((1, 2, 7, 6), dict(kernel_size=(3, 2), stride=(2, 3), padding=1, ceil_mode=True)),
    'max_dilated': ((1, 2, 7, 8), dict(kernel_size=(2, 3), stride=(1, 2), dilation=(3, 2))),
    'mean_plain': ((2, 3, 6, 5), dict(kernel_size=2)),
    'mean_padded': ((1, 2, 7, 6), dict(kernel_size=3, stride=2, padding=1)),
    'mean_inside': ((1, 2, 7, 6), dict(kernel_size=3, stride=2, padding=1, count_include_pad=False)),
    'mean_ceil': ((1, 2, 6, 8), dict(kernel_size=3, stride=2, padding=1, ceil_mode=True)),
}

with Area('pool') as area:
    for name, (shape, options) in CASES.items():
        x = torch.randn(shape, requires_grad=True)
        if name.startswith('max'):
            y, index = F.max_pool2d(x, return_indices=True, **options)
            area.save(f'{name}.index', index.permute(0, 2, 3, 1))
        else:
            y = F.avg_pool2d(x, **options)
        dy = torch.randn_like(y)
        y.backward(dy)
        for what, image in (('x', x), ('y', y), ('dy', dy), ('dx', x.grad)):
            area.save(f'{name}.{what}', image.permute(0, 2, 3, 1))
