"""PyTorch's batch, layer, group and instance normalisation, forward and back."""
import torch
import torch.nn.functional as F

from _save import Area


def leaf(*shape, scale=1.0, shift=0.0):
    return (torch.randn(*shape) * scale + shift).requires_grad_()


with Area('norm') as area:
    def both(name, x, gamma, beta, f, layout=lambda t: t):
        """Saves inputs, result and gradients; `layout` turns what PyTorch calls x into rows x columns."""
        for tensor in (x, gamma, beta):
            tensor.grad = None
        y = f(x)
        dy = torch.randn_like(y)
        y.backward(dy)
        for part, tensor in (('x', x), ('y', y), ('dy', dy), ('dx', x.grad)):
            area.save(name + '.' + part, layout(tensor))
        for part, tensor in (('gamma', gamma), ('beta', beta), ('dgamma', gamma.grad), ('dbeta', beta.grad)):
            area.save(name + '.' + part, tensor)
        return dy

    rows, n = 13, 17
    x, gamma, beta = leaf(rows, n, scale=2.0, shift=1.0), leaf(n), leaf(n)
    mean, variance = torch.zeros(n), torch.ones(n)
    dy = both('batch_norm', x, gamma, beta, lambda x: F.batch_norm(x, mean, variance, gamma, beta, True, 0.1, 1e-5))
    area.save('batch_norm.running_mean', mean)
    area.save('batch_norm.running_variance', variance)
    for tensor in (x, gamma, beta):
        tensor.grad = None
    y = F.batch_norm(x, mean, variance, gamma, beta, False, 0.1, 1e-5)
    y.backward(dy)
    for part, tensor in (('y', y), ('dx', x.grad), ('dgamma', gamma.grad), ('dbeta', beta.grad)):
        area.save('batch_norm.eval.' + part, tensor)

    rows, n = 5, 35
    gamma, beta = leaf(n), leaf(n)
    both('layer_norm', leaf(rows, n, scale=2.0, shift=1.0), gamma, beta, lambda x: F.layer_norm(x, (n,), gamma, beta, 1e-5))

    images, height, width, channels = 2, 3, 2, 12
    for name, groups in (('group_norm', 4), ('instance_norm', channels)):
        gamma, beta = leaf(channels), leaf(channels)
        both(name, leaf(images, channels, height, width, scale=2.0, shift=1.0), gamma, beta,
             lambda x: F.group_norm(x, groups, gamma, beta, 1e-5), lambda t: t.permute(0, 2, 3, 1))
