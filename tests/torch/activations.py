#!/usr/bin/env python3
"""Writes tests/golden/activations.torch.txt: activations and their gradients on ordinary values and on the edges."""
import torch
import torch.nn.functional as F

from _save import Area

FUNCTIONS = {
    'relu': F.relu,
    'leaky_relu': lambda x: F.leaky_relu(x, 0.01),
    'sigmoid': torch.sigmoid,
    'tanh': torch.tanh,
    'softplus': F.softplus,
    'elu': lambda x: F.elu(x, 0.7),
    'selu': F.selu,
    'gelu': F.gelu,
    'gelu_tanh': lambda x: F.gelu(x, approximate='tanh'),
    'silu': F.silu,
}

EDGES = [1e-30, -1e-30, 1e-5, -1e-5, 0.625, -0.7, 5, -5, 9, -9, 10.9, -10.9, 14.5, -14.5, 20, -20, 50, -50, 88, -88, 110, -110]

with Area('activations') as area:
    x = torch.cat([torch.linspace(-6, 6, 33), torch.randn(16) * 2, torch.tensor(EDGES)]).requires_grad_()
    dy = torch.randn(x.shape)
    area.save('x', x)
    area.save('dy', dy)
    for name, function in FUNCTIONS.items():
        y = function(x)
        area.save(name + '.y', y)
        area.save(name + '.dx', torch.autograd.grad(y, x, dy)[0])

    x, dy = torch.randn(11, 5).requires_grad_(), torch.randn(11, 5)
    area.save('prelu.x', x)
    area.save('prelu.dy', dy)
    for name, slope in (('prelu', torch.randn(5)), ('prelu_shared', torch.tensor([0.25]))):
        slope.requires_grad_()
        y = F.prelu(x, slope)
        dx, dslope = torch.autograd.grad(y, (x, slope), dy)
        for what, value in (('slope', slope), ('y', y), ('dx', dx), ('dslope', dslope)):
            area.save(name + '.' + what, value)
