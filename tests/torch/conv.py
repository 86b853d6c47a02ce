"""Convolutions and their gradients, for test_conv.c."""
import torch

from _save import Area

CASES = {  # images, channels, height, width, filters, kernel, options
    'plain': ((1, 3, 6, 7), 5, (3, 2), {}),
    'padded': ((1, 4, 5, 5), 6, (3, 3), dict(padding=1)),
    'strided': ((1, 2, 9, 8), 3, (3, 4), dict(stride=(2, 3), padding=(1, 2))),
    'dilated': ((1, 2, 9, 8), 3, (3, 2), dict(dilation=(2, 3), padding=(1, 0))),
    'grouped': ((2, 4, 5, 4), 6, (2, 3), dict(groups=2, padding=(0, 1))),
    'depthwise': ((1, 5, 5, 6), 5, (3, 3), dict(groups=5, stride=(2, 1), padding=1)),
    'pointwise': ((1, 5, 3, 4), 7, (1, 1), {}),
}

with Area('conv') as area:
    for name, (shape, filters, kernel, options) in CASES.items():
        x = torch.randn(shape, requires_grad=True)
        w = torch.randn(filters, shape[1] // options.get('groups', 1), *kernel, requires_grad=True)
        bias = torch.randn(filters)
        y = torch.nn.functional.conv2d(x, w, bias, **options)
        dy = torch.randn_like(y)
        y.backward(dy)
        for what, image in (('x', x), ('y', y), ('dy', dy), ('dx', x.grad)):
            area.save(f'{name}.{what}', image.permute(0, 2, 3, 1))
        for what, weights in (('w', w), ('dw', w.grad)):  # kernel rows, kernel columns, channels, filters
            area.save(f'{name}.{what}', weights.permute(2, 3, 1, 0))
        area.save(f'{name}.bias', bias)
