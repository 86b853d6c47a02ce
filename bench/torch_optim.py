#!/usr/bin/env python3
"""PyTorch as a contender of bench_optim: its optimizers, on one array, as everybody calls them."""
from torch_peer import array, main, np, sketch, torch

O = torch.optim
RULES = {
    'sgd': lambda p: O.SGD(p, 0.01),
    'momentum': lambda p: O.SGD(p, 0.01, momentum=0.9),
    'nesterov': lambda p: O.SGD(p, 0.01, momentum=0.9, nesterov=True),
    'adagrad': lambda p: O.Adagrad(p, 0.01),
    'rmsprop': lambda p: O.RMSprop(p, 0.01),
    'adadelta': lambda p: O.Adadelta(p, 1.0),
    'adam': lambda p: O.Adam(p, 0.01),
    'adam_l2': lambda p: O.Adam(p, 0.01, weight_decay=0.01),
    'adamw': lambda p: O.AdamW(p, 0.01),
    'amsgrad': lambda p: O.Adam(p, 0.01, amsgrad=True),
    'adamax': lambda p: O.Adamax(p, 0.01),
}  # NAdam of PyTorch 1.13 computes something else than its documentation says
STEPS = 3
LEAST = 10000  # weights: fewer take less time than the call from Python


def prepare(request):
    """The call and the reply, or None and `no`."""
    name, n = request.split()
    if name not in RULES or int(n) < LEAST:
        return None, 'no'
    one = np.float32(1)
    w = array(1, int(n), 1, -one, one).requires_grad_()
    w.grad = array(2, int(n), 1, -one, one)
    optimizer = RULES[name]([w])
    for _ in range(STEPS):
        optimizer.step()
    return optimizer.step, 'ok ' + ' '.join(repr(float(s)) for s in sketch(w.detach().numpy()))


if __name__ == '__main__':
    main(prepare)
