"""Whole networks in PyTorch: loss, predictions, every gradient, and running statistics after one step of training."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from _save import Area


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Linear(6, 10), nn.LayerNorm(10)
        self.up, self.down, self.last = nn.Linear(10, 14), nn.Linear(14, 10), nn.Linear(10, 3)

    def forward(self, x):
        x = self.first(x)
        return self.last(x + self.down(F.gelu(self.up(self.norm(x)))))


# No biases before batch norm: their gradients are 0, and what is computed is rounding.
mlp = nn.Sequential(nn.Linear(7, 12, bias=False), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 9, bias=False),
                    nn.BatchNorm1d(9), nn.Tanh(), nn.Linear(9, 4))
cnn = nn.Sequential(nn.Conv2d(2, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Conv2d(6, 8, 3, stride=2, padding=1, groups=2), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                    nn.Linear(8, 5))

# The names of the parameters here, in PyTorch's order.
mlp_names = ['dense_1.weights', 'batch_norm_1.gamma', 'batch_norm_1.beta', 'dense_2.weights', 'batch_norm_2.gamma',
             'batch_norm_2.beta', 'dense_3.weights', 'dense_3.bias']
cnn_names = ['conv2d_1.weights', 'batch_norm_1.gamma', 'batch_norm_1.beta', 'conv2d_2.weights', 'conv2d_2.bias',
             'dense_1.weights', 'dense_1.bias']
residual_names = ['dense_1.weights', 'dense_1.bias', 'layer_norm_1.gamma', 'layer_norm_1.beta', 'dense_2.weights',
                  'dense_2.bias', 'dense_3.weights', 'dense_3.bias', 'dense_4.weights', 'dense_4.bias']


def turned(tensor):
    """Weights are [in x out] here, filters [height x width x channels x filters], images NHWC."""
    if tensor.dim() == 4:
        return tensor.permute(2, 3, 1, 0)
    return tensor.t() if tensor.dim() == 2 else tensor


def images_turned(x):
    return x.permute(0, 2, 3, 1) if x.dim() == 4 else x


with Area('network') as area:
    for name, network, names, x, classes in (
            ('mlp', mlp, mlp_names, torch.randn(11, 7), 4), ('cnn', cnn, cnn_names, torch.randn(5, 2, 8, 6), 5),
            ('residual', Residual(), residual_names, torch.randn(6, 6), 3)):
        labels = torch.randint(classes, (len(x),))
        x.requires_grad_()
        with torch.no_grad():
            for parameter in network.parameters():
                if parameter.dim() == 1:
                    parameter.add_(0.2 * torch.randn_like(parameter))
        area.save(name + '.x', images_turned(x))
        area.save(name + '.labels', labels)
        loss = F.cross_entropy(network(x), labels)
        loss.backward()
        area.save(name + '.loss', loss)
        area.save(name + '.dx', images_turned(x.grad))
        for ours, parameter in zip(names, network.parameters(), strict=True):
            area.save(name + '.' + ours, turned(parameter))
            area.save(name + '.d.' + ours, turned(parameter.grad))
        norms = [layer for layer in network.modules() if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d))]
        for i, norm in enumerate(norms, 1):
            area.save('%s.batch_norm_%d.mean' % (name, i), norm.running_mean)
            area.save('%s.batch_norm_%d.variance' % (name, i), norm.running_var)
        with torch.no_grad():  # a step, so that predictions are not those of the saved weights
            for parameter in network.parameters():
                parameter -= 0.5 * parameter.grad
        network.eval()
        area.save(name + '.p', F.softmax(network(x), 1))
