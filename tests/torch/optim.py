"""Trajectories of PyTorch's optimizers: a hundred steps on f = sum a (w - c)^2/2 with noise in the gradient, and clipping; and
its schedules."""
import inspect

import torch
import torch.optim.nadam as nadam

from _save import Area

N, STEPS = 6, 100
CURVATURE = torch.tensor([0.1, 2.0, 0.5, 1.0, 0.02, 0.0])
CENTRE = torch.tensor([0.0, 0.0, 1.0, -2.0, 0.25, 0.0])
START = torch.tensor([-7.0, 2.0, 0.5, 0.0, 3.0, 1.0])


# PyTorch 1.13 multiplies c_t into C_t+1 twice, unlike its documentation and Dozat's paper.
exec(inspect.getsource(nadam._single_tensor_nadam).replace('mu_product * mu * mu_next', 'mu_product * mu_next'), nadam.__dict__)


def noise(step):
    """The same numbers as in test_optimizer.c: whole ones over 64, exact in floats."""
    return torch.tensor([((step * 7 + i * 13) * 29 % 65 - 32) / 64 for i in range(N)]) * torch.tensor([1.0] * (N - 1) + [0.0])


def path(area, name, make, **clip):
    w = START.clone().requires_grad_()
    optimizer, points = make([w]), []
    for step in range(1, STEPS + 1):
        w.grad = CURVATURE * (w.detach() - CENTRE) + noise(step)
        if 'value' in clip:
            torch.nn.utils.clip_grad_value_([w], clip['value'])
        if 'norm' in clip:
            torch.nn.utils.clip_grad_norm_([w], clip['norm'])
        optimizer.step()
        if step in (1, 2) or step % 20 == 0:
            points.append(w.detach().clone())
    area.save(name, torch.stack(points))


O = torch.optim
with Area('optim') as area:
    path(area, 'sgd', lambda p: O.SGD(p, 0.1))
    path(area, 'sgd_l2', lambda p: O.SGD(p, 0.1, weight_decay=0.05))
    path(area, 'sgd_value', lambda p: O.SGD(p, 0.1), value=0.5)
    path(area, 'sgd_norm', lambda p: O.SGD(p, 0.1), norm=0.75)
    path(area, 'momentum', lambda p: O.SGD(p, 0.05, momentum=0.9))
    path(area, 'momentum_dampening', lambda p: O.SGD(p, 0.05, momentum=0.9, dampening=0.25, weight_decay=0.01))
    path(area, 'nesterov', lambda p: O.SGD(p, 0.05, momentum=0.9, nesterov=True))
    path(area, 'adagrad', lambda p: O.Adagrad(p, 0.5))
    path(area, 'adagrad_accumulator', lambda p: O.Adagrad(p, 0.5, initial_accumulator_value=0.1, weight_decay=0.01))
    path(area, 'rmsprop', lambda p: O.RMSprop(p, 0.01))
    path(area, 'rmsprop_momentum', lambda p: O.RMSprop(p, 0.01, momentum=0.9))
    path(area, 'rmsprop_centered', lambda p: O.RMSprop(p, 0.01, centered=True))
    path(area, 'rmsprop_both', lambda p: O.RMSprop(p, 0.01, centered=True, momentum=0.9))
    path(area, 'adadelta', lambda p: O.Adadelta(p, 1.0))
    path(area, 'adam', lambda p: O.Adam(p, 0.05))
    path(area, 'adam_l2', lambda p: O.Adam(p, 0.05, weight_decay=0.1))
    path(area, 'adamw', lambda p: O.AdamW(p, 0.05))
    path(area, 'adamw_amsgrad', lambda p: O.AdamW(p, 0.05, amsgrad=True, weight_decay=0.1))
    path(area, 'amsgrad', lambda p: O.Adam(p, 0.05, amsgrad=True))
    path(area, 'adamax', lambda p: O.Adamax(p, 0.05))
    path(area, 'nadam', lambda p: O.NAdam(p, 0.05))
    path(area, 'nadam_l2', lambda p: O.NAdam(p, 0.05, weight_decay=0.1, momentum_decay=0.02))

SCHEDULES = O.lr_scheduler
with Area('schedule') as area:
    def factors(name, make, steps=60, what='lr'):
        p = torch.zeros(1, requires_grad=True)
        p.grad = torch.zeros(1)
        optimizer = O.SGD([p], 1.0, momentum=0.9)
        schedule, values = make(optimizer), []
        for _ in range(steps):
            values.append(optimizer.param_groups[0][what])
            optimizer.step()
            schedule.step()
        area.save(name, torch.tensor(values))

    factors('exponential', lambda o: SCHEDULES.ExponentialLR(o, 0.9))
    factors('steps', lambda o: SCHEDULES.StepLR(o, 7, 0.5))
    factors('marks', lambda o: SCHEDULES.MultiStepLR(o, [5, 11, 40], 0.1))
    factors('cosine', lambda o: SCHEDULES.CosineAnnealingLR(o, 59, 0.125))
    factors('restarts', lambda o: SCHEDULES.CosineAnnealingWarmRestarts(o, 5, 2, 0.125))
    factors('linear', lambda o: SCHEDULES.LinearLR(o, 0.25, 1.0, 30))
    for what in ('lr', 'momentum'):
        factors('one_cycle_' + what, lambda o: SCHEDULES.OneCycleLR(o, 1.0, total_steps=61), what=what)
        factors('one_cycle_straight_' + what, lambda o: SCHEDULES.OneCycleLR(o, 1.0, total_steps=61, anneal_strategy='linear'), what=what)
