#!/usr/bin/env python3
"""PyTorch as a contender of bench_layers.

Layers call the operations that autograd would call, so that what is timed is arithmetic; networks go through autograd, as
everybody's do, but call functions rather than modules, which is faster. Images are channels last, as in nn.h.
"""
import math

from torch_peer import SKETCH, array, element, main, moments, np, sign, torch

SUMS, RATE, EPSILON, KEEP = 4, 2.0**-6, 1e-5, 0.8
aten, functional = torch.ops.aten, torch.nn.functional


# ---- inputs and results as layers.h makes them ----

def weights(layer, rows, cols):
    most = np.float32(math.sqrt(6.0 / rows))
    return array(10 + layer, rows, cols, -most, most)


def bias(layer, n):
    return array(20 + layer, 1, n, np.float32(-0.125), np.float32(0.125)).view(-1)


def gamma(layer, n):
    return array(30 + layer, 1, n, np.float32(0.75), np.float32(1.25)).view(-1)


def unit(seed, rows, cols):
    return array(seed, rows, cols, np.float32(-1), np.float32(1))


def labels(rows, classes):
    steps = (element(3, rows).astype(np.float64) * 2**23).astype(np.int64) + 2**23
    return torch.from_numpy(steps % classes)


def sketches(arrays):
    """layers_sketch, one array after another."""
    sums = np.zeros(SKETCH)
    for part, y in enumerate(arrays):
        y = y.detach().contiguous().numpy().astype(np.float64).ravel()
        signed = np.bincount(np.arange(y.size) % SUMS, weights=y * sign(101, y.size), minlength=SUMS)
        sums[part * SUMS:(part + 1) * SUMS] = signed
    return sums


# ---- layers: a call, and the arrays that it gives ----

def dense(rows, n, out):
    x, w, b, dy = unit(1, rows, n), weights(0, n, out).t().contiguous(), bias(0, out), unit(2, rows, out)

    def call():
        return torch.addmm(b, x, w.t()), torch.mm(dy, w), torch.mm(dy.t(), x), dy.sum(0)
    return call, lambda r: (r[0], r[1], r[2].t(), r[3])


def batch_norm(rows, n):
    x, dy, scale, shift = unit(1, rows, n), unit(2, rows, n), gamma(0, n), bias(0, n)
    mean, variance = torch.zeros(n), torch.ones(n)

    def call():
        y, m, i = aten.native_batch_norm(x, scale, shift, mean, variance, True, 0.1, EPSILON)
        return (y, *aten.native_batch_norm_backward(dy, x, scale, mean, variance, m, i, True, EPSILON, [True] * 3))
    return call, lambda r: r


def layer_norm(rows, n):
    x, dy, scale, shift = unit(1, rows, n), unit(2, rows, n), gamma(0, n), bias(0, n)

    def call():
        y, m, i = aten.native_layer_norm(x, [n], scale, shift, EPSILON)
        return (y, *aten.native_layer_norm_backward(dy, x, [n], m, i, scale, shift, [True] * 3))
    return call, lambda r: r


def softmax_ce(rows, n):
    x, right, one = unit(1, rows, n), labels(rows, n), torch.ones(())

    def call():
        y = aten._log_softmax(x, 1, False)
        loss, total = aten.nll_loss_forward(y, right, None, 1, -100)
        dy = aten.nll_loss_backward(one, y, right, None, 1, -100, total)
        return loss, aten._log_softmax_backward_data(dy, y, 1, torch.float32)
    return call, lambda r: r


def dropout(rows, n):
    x = unit(1, rows, n)
    return lambda: (torch.dropout(x, 1 - KEEP, True),), None


def sum_columns(rows, n):
    x = unit(1, rows, n)
    return lambda: (x.sum(0),), lambda r: r


def channels_last(x, side, n):
    return x.view(-1, side, side, n).permute(0, 3, 1, 2)


def pool(forward, backward):
    """Both passes over squares of 2 x 2, of images whose pixels are `rows` rows of n channels."""
    def layer(rows, n, side):
        x, dy = channels_last(unit(1, rows, n), side, n), channels_last(unit(2, rows // 4, n), side // 2, n)

        def call():
            y, *index = forward(x)
            return y, backward(dy, x, *index)
        return call, lambda r: [a.permute(0, 2, 3, 1) for a in r]
    return layer


max_pool = pool(lambda x: aten.max_pool2d_with_indices(x, [2, 2]),
                lambda dy, x, index: aten.max_pool2d_with_indices_backward(dy, x, [2, 2], [2, 2], [0, 0], [1, 1], False, index))
average_pool = pool(lambda x: (aten.avg_pool2d(x, [2, 2]),),
                    lambda dy, x: aten.avg_pool2d_backward(dy, x, [2, 2], [2, 2], [0, 0], False, True, None))


# ---- networks: their parameters, as PyTorch keeps them, and how they compute ----

def leaf(t):
    return t.contiguous().requires_grad_()


def dense_layers(first, sizes, normed):
    layers = []
    for k, (n, out) in enumerate(zip(sizes, sizes[1:])):
        w = leaf(weights(first + k, n, out).t())
        if normed and k + 2 < len(sizes):
            layers.append((w, leaf(gamma(first + k, out)), leaf(bias(first + k, out)), torch.zeros(out), torch.ones(out)))
        else:
            layers.append((w, leaf(bias(first + k, out))))
    return layers


def run_dense(x, layers):
    for k, layer in enumerate(layers):
        if len(layer) == 2:
            x = functional.linear(x, *layer)
        else:
            w, scale, shift, mean, variance = layer
            x = functional.batch_norm(functional.linear(x, w), mean, variance, scale, shift, True, 0.1, EPSILON)
        if k + 1 < len(layers):
            x = functional.relu(x, inplace=True)
    return x


def conv_weights(layer, channels, filters):
    w = weights(layer, 9 * channels, filters).view(3, 3, channels, filters).permute(3, 2, 0, 1)
    return w.contiguous(memory_format=torch.channels_last).requires_grad_()


def images(x):
    """What a convolution reads, and what a dense layer does: views of one memory."""
    return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1)


def network(name, size):
    """The function from logits on, its parameters, and its input."""
    if name != 'cnn':
        layers = dense_layers(0, size[1:], name.endswith('_norm'))
        parameters = [p for layer in layers for p in layer if p.requires_grad]
        return lambda x: run_dense(x, layers), parameters, unit(1, size[0], size[1])
    batch, side, one, two, hidden, classes = size
    convs = [(conv_weights(0, 1, one), leaf(bias(0, one))), (conv_weights(1, one, two), leaf(bias(1, two)))]
    layers = dense_layers(2, [(side // 4)**2 * two, hidden, classes], False)

    def run(x):
        for w, b in convs:
            x = functional.max_pool2d(functional.relu(functional.conv2d(x, w, b, padding=1), inplace=True), 2)
        return run_dense(images(x), layers)
    x = unit(1, batch, side * side).view(batch, side, side, 1).permute(0, 3, 1, 2)
    return run, [p for layer in convs + layers for p in layer], x


def ours(p):
    """An array like a parameter in the order of nn.h."""
    return p.permute(2, 3, 1, 0) if p.dim() == 4 else p.t() if p.dim() == 2 else p


def train(name, size):
    run, parameters, x = network(name, size)
    right = labels(size[0], size[-1])
    before = [p.detach().clone() for p in parameters]
    step = name.startswith('step')

    def call():
        for p in parameters:
            p.grad = None
        with torch.enable_grad():
            loss = functional.cross_entropy(run(x), right)
            loss.backward()
        if step:
            torch._foreach_add_(parameters, [p.grad for p in parameters], alpha=-RATE)
        return loss

    def results(loss):
        changes = [(a - p) / RATE for a, p in zip(before, parameters)] if step else [p.grad for p in parameters]
        return [loss] + [ours(g) for g in changes]
    return call, results


def predict(size):
    run, _, x = network('predict', size)

    def call():
        with torch.inference_mode():
            return torch.softmax(run(x), 1)
    return call, lambda y: [y]


LAYERS = {f.__name__: f for f in (dense, batch_norm, layer_norm, softmax_ce, dropout, sum_columns)}
LAYERS.update(max_pool=max_pool, average_pool=average_pool)


def prepare(request):
    """The call and the reply."""
    name, *numbers = request.split()
    size = [int(n) for n in numbers]
    if name in LAYERS:
        call, results = LAYERS[name](*size)
    elif name == 'predict':
        call, results = predict(size)
    else:
        call, results = train(name, size)
    result = call()
    sums = sketches(results(result)) if results else moments(result[0].numpy())
    return call, 'ok ' + ' '.join(repr(float(s)) for s in sums)


main(prepare)
