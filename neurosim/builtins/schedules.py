"""Schedules: the factor of the learning rate at `step` (from 0) of `steps` in the whole run, or in an epoch of all.

The last one follows the progress of the run instead: it is given the losses after the epochs so far.
"""

import math

from neurosim.plugin import FeedbackSchedule, Schedule, hookimpl


def constant(step, steps):
    return 1.0


def step_decay(step, steps, drops, factor):
    return factor ** math.floor(step / steps * (drops + 1.0))


def exponential(step, steps, final):
    return final ** (step / steps)


# The warm-up takes a share of the run. The step before its first would have factor 0, the step after
# its last has factor 1 and is the first of the cosine.
def cosine(step, steps, final, warmup):
    first = warmup * steps
    if step < first:
        return (step + 1.0) / (first + 1.0)
    return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * (step - first) / (steps - first)))


# Half a cosine up, half a cosine down; the optimizer's learning rate is the peak. Its step is the last
# one of the share `warmup`.
def one_cycle(step, steps, warmup, start, final):
    peak = warmup * steps - 1.0
    if step < peak:
        return start + (1.0 - start) * 0.5 * (1.0 - math.cos(math.pi * step / peak))
    down = (step - peak) / (steps - 1.0 - peak) if step > peak else 0.0
    return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * down))


def epoch_decay(epoch, epochs, every, factor):
    return factor ** (epoch // every)


# Of a place that is given twice, the factor counts twice.
def milestones(epoch, epochs, at, factor):
    passed = 0
    for place in at:
        passed += 1 if epoch >= place else 0
    return factor**passed


# Each cosine takes `growth` times as many epochs as the one before it.
def cosine_restarts(epoch, epochs, period, growth, final):
    if growth == 1.0:
        length, done = period, epoch - period * math.floor(epoch / period)
    else:
        # How many cosines are over; just at the end of one, rounding must not make it one fewer.
        over = math.floor(math.log(1.0 + epoch / period * (growth - 1.0)) / math.log(growth) + 1e-9)
        length, done = period * growth**over, epoch - period * (growth**over - 1.0) / (growth - 1.0)
    return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * done / length))


# An epoch is better when its loss is below the best one by more than the share `threshold`; after more
# than `patience` epochs in a row that are not, the rate falls, and waiting begins anew.
def reduce_on_plateau(losses, factor, patience, threshold, min_factor):
    current, best, waited = 1.0, math.inf, 0
    for loss in losses:
        if loss < best * (1.0 - threshold):
            best, waited = loss, 0
        else:
            waited += 1
        if waited > patience:
            current, waited = max(current * factor, min_factor), 0
    return current


@hookimpl
def neurosim_schedules():
    return [
        Schedule("constant", constant),
        Schedule("step_decay", step_decay, params={"drops": 2.0, "factor": 0.1}),
        Schedule("exponential", exponential, params={"final": 0.01}),
        Schedule("cosine", cosine, params={"final": 0.0, "warmup": 0.0}, source="arXiv:1608.03983, equation 5"),
        Schedule(
            "one_cycle", one_cycle, params={"warmup": 0.3, "start": 0.04, "final": 4e-6}, source="arXiv:1708.07120"
        ),
        Schedule(
            "epoch_decay",
            epoch_decay,
            params={"every": 10.0, "factor": 0.1},
            source="StepLR of PyTorch",
            unit="epochs",
        ),
        Schedule(
            "milestones",
            milestones,
            params={"at": (30.0, 60.0, 90.0), "factor": 0.1},
            source="MultiStepLR of PyTorch",
            unit="epochs",
        ),
        Schedule(
            "cosine_restarts",
            cosine_restarts,
            params={"period": 10.0, "growth": 1.0, "final": 0.0},
            source="arXiv:1608.03983, equation 5; CosineAnnealingWarmRestarts of PyTorch",
            unit="epochs",
        ),
        FeedbackSchedule(
            "reduce_on_plateau",
            reduce_on_plateau,
            params={"factor": 0.1, "patience": 10.0, "threshold": 1e-4, "min_factor": 0.0},
            source="ReduceLROnPlateau of PyTorch",
        ),
    ]
