"""Scenarios with something wrong, as text, and how they are trained and diagnosed."""

import neurosim
from neurosim.diagnosis import diagnose, diagnose_failed
from neurosim.errors import DivergedError
from neurosim.scenario.overrides import parse_overrides
from neurosim.training.simulator import Simulator

BASE = """
[scenario]
name = "d"
title = "A disease"
[data]
{data}
[network]
loss = "{loss}"
{layers}
[optimizer]
{optimizer}
[training]
epochs = {epochs}
batch_size = {batch}
{more}
"""
DENSE = '[[network.layers]]\nkind = "dense"\nunits = {}\nactivation = "{}"\n{}\n'


def layers(activation="tanh", count=1, units=12, more="", out="", last=(1, "sigmoid")):
    return count * DENSE.format(units, activation, more) + DENSE.format(*last, out)


SGD = 'name = "sgd"\nlr = {}'
STEADY = SGD.format(0.3)
MOONS = 'source = "moons"\nsamples = 300\nnoise = 0.1\ntest_fraction = 0.3\nstandardize = true'


def scenario(
    data=MOONS,
    stack=None,
    optimizer=STEADY,
    epochs=15,
    loss="binary_cross_entropy",
    batch=32,
    more="",
):
    return BASE.format(
        data=data, layers=stack or layers(), optimizer=optimizer, epochs=epochs, loss=loss, batch=batch, more=more
    )


def trained(path, seed, settings=()):
    """The simulator after training, and why that failed; `settings` are as in a finding."""
    overrides = parse_overrides(settings)
    simulator = Simulator(neurosim.load_scenario(path, overrides=overrides), seed=overrides.get("scenario.seed", seed))
    try:
        simulator.train()
    except DivergedError as error:
        return simulator, error.message
    return simulator, ""


def diagnosed(path, seed, settings=(), *, trials=True):
    simulator, failure = trained(path, seed, settings)
    if failure:
        return diagnose_failed(simulator.fresh(), failure, simulator.history, trials=trials)
    return diagnose(simulator, trials=trials)
