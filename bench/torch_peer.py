#!/usr/bin/env python3
"""PyTorch as a contender of bench_maths: answers the requests that bench/worker.h describes, on one thread. The scripts
for other benches take what they share from here.

The results go into arrays that exist already (out=), so that no allocation is timed. PyTorch's way from Python to its loops,
about a microsecond a call, is: nobody who uses it can leave that out, and it only shows at the smallest size.
"""
import os
import sys
import time

SYSTEM_PYTHON = '/usr/bin/python3'  # where packages of the distribution live, when another python comes first in PATH


def import_torch():
    try:
        import numpy
        import torch
        return numpy, torch
    except ImportError:
        if os.path.exists(SYSTEM_PYTHON) and os.environ.get('BENCH_TORCH') != 'tried':
            os.environ['BENCH_TORCH'] = 'tried'
            os.execv(SYSTEM_PYTHON, [SYSTEM_PYTHON, sys.argv[0]])
        print('absent not installed', flush=True)
        sys.exit(0)


np, torch = import_torch()
SKETCH = 64
SCALE = 0.001


def element(seed, n):
    """bench_element of bench.h, for 0 .. n-1."""
    x = np.arange(n, dtype=np.uint32) + np.uint32(seed * 0x9e3779b9 & 0xffffffff)
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7feb352d)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846ca68b)
    x ^= x >> np.uint32(16)
    return ((x >> np.uint32(8)).astype(np.int32) - (1 << 23)).astype(np.float32) * np.float32(2.0**-23)


def array(seed, rows, cols, lo, hi):
    middle, half = np.float32(0.5) * (lo + hi), np.float32(0.5) * (hi - lo)
    return torch.from_numpy((middle + half * element(seed, rows * cols)).reshape(rows, cols))


def sign(seed, n):
    return np.where(element(seed, n) < 0, -1.0, 1.0)


def sketch(y):
    """bench_sketch of bench.h."""
    rows, cols = y.shape
    sums = (y.astype(np.float64) @ sign(102, cols)) * sign(101, rows)
    return np.bincount(np.arange(rows) % SKETCH, weights=sums, minlength=SKETCH)


def moments(y):
    y = y.astype(np.float64)
    return np.array([y.mean(), (y * y).mean()] + [0.0] * (SKETCH - 2))


def function(name, y, x, z):
    """The call to time, and the tensor that it fills."""
    number, index = torch.zeros(()), torch.zeros((), dtype=torch.int64)
    flat = x.view(-1)
    aten, nn = torch.ops.aten, torch._C._nn
    return {
        'exp': (lambda: torch.exp(x, out=y), y),
        'log': (lambda: torch.log(x, out=y), y),
        'tanh': (lambda: torch.tanh(x, out=y), y),
        'sigmoid': (lambda: torch.sigmoid(x, out=y), y),
        'softplus': (lambda: nn.softplus(x, out=y), y),
        'elu': (lambda: nn.elu(x, out=y), y),
        'relu': (lambda: torch.clamp_min(x, 0.0, out=y), y),
        'softmax': (lambda: aten._softmax.out(x, 1, False, out=y), y),
        'log_softmax': (lambda: aten._log_softmax.out(x, 1, False, out=y), y),
        'add': (lambda: torch.add(x, z, out=y), y),
        'mul': (lambda: torch.mul(x, z, out=y), y),
        'axpy': (lambda: torch.add(y, x, alpha=SCALE, out=y), y),
        'sum': (lambda: torch.sum(flat, 0, out=number), number),
        'dot': (lambda: torch.dot(flat, z.view(-1), out=number), number),
        'max': (lambda: torch.amax(flat, 0, out=number), number),
        'argmax': (lambda: torch.argmax(flat, 0, out=index), index),
        'uniform': (lambda: y.uniform_(), y),
        'normal': (lambda: y.normal_(), y),
        'mask': (lambda: y.bernoulli_(0.8).mul_(1.25), y),
    }.get(name)


def prepare(request):
    """The call and the reply, or None and `no`."""
    name, rows, cols, lo, hi, result = request.split()
    rows, cols, lo, hi = int(rows), int(cols), np.float32(lo), np.float32(hi)
    x, z, y = (array(seed, rows, cols, lo, hi) for seed in (1, 2, 3))
    found = function(name, y, x, z)
    if not found:
        return None, 'no'
    call, out = found
    call()
    values = out.numpy().reshape(1, 1) if result == '0' else out.numpy()
    return call, 'ok ' + ' '.join(repr(float(s)) for s in (moments(values) if result == '-1' else sketch(values)))


def batch(call, calls):
    start = time.process_time()
    for _ in range(calls):
        call()
    return (time.process_time() - start) / calls


def calibrate(call, seconds):
    calls = 1
    while True:
        wanted = seconds / batch(call, calls)
        if wanted < 2 * calls:
            return max(1, int(wanted))
        calls = int(min(wanted, 10 * calls))


def measure(call, calls, seconds):
    """The fastest batch, as bench_measure of worker.h."""
    call()
    end = time.process_time() + seconds
    best = batch(call, calls)
    while time.process_time() + best * calls < end:
        best = min(best, batch(call, calls))
    return best


def main(prepare):
    """Serves the requests that `prepare` understands."""
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    level = [line.split(':')[1].strip() for line in torch.__config__.show().split('\n') if 'CPU capability' in line]
    print('ready PyTorch', torch.__version__, *level, flush=True)
    call, calls = None, 0
    for line in sys.stdin:
        verb, argument = line.split(None, 1)
        if verb == 'case':
            call, reply = prepare(argument)
            calls = 0
        else:
            seconds = 1e-3 * float(argument)
            calls = calls or calibrate(call, seconds / 8)
            reply = repr(1e9 * measure(call, calls, seconds))
        print(reply, flush=True)


if __name__ == '__main__':
    main(prepare)
