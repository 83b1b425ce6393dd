"""Schedules: the factor of the learning rate at `step` (from 0) of `steps` in the whole run."""

import math

from neurosim.plugin import Schedule, hookimpl


def constant(step, steps):
    return 1.0


def step_decay(step, steps, drops, factor):
    return factor ** math.floor(step / steps * (drops + 1.0))


def exponential(step, steps, final):
    return final ** (step / steps)


def cosine(step, steps, final):
    return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * step / steps))


@hookimpl
def neurosim_schedules():
    return [
        Schedule("constant", constant),
        Schedule("step_decay", step_decay, params={"drops": 2.0, "factor": 0.1}),
        Schedule("exponential", exponential, params={"final": 0.01}),
        Schedule("cosine", cosine, params={"final": 0.0}, source="arXiv:1608.03983, equation 5"),
    ]
