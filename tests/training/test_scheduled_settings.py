"""Schedules of other parameters of the optimizer than the learning rate: momentum, beta1, weight decay."""

from dataclasses import replace

import numpy as np
import pytest
import support
from support import Dense

import neurosim
from neurosim import FeedbackSchedule, Schedule
from neurosim.errors import PluginError, ScenarioError
from neurosim.network.course import Course
from neurosim.runs.checkpoint import load_checkpoint, save_checkpoint
from neurosim.training.ensemble import Ensemble
from neurosim.training.simulator import Simulator
from neurosim.worksheet import explain

NO_TORCH = "PyTorch is an optional peer: pip install neurosim-edu[peers]"
LAYERS = (Dense(5, "tanh"), Dense(2, "identity"))
NET = support.network(3, LAYERS)
# Steps of an epoch, and epochs.
STEPS, EPOCHS = 5, 10
# Up and down by steps; without a record of its own, a test of the backends would need a file.
WAVE = Schedule("wave", lambda step, steps, low: low + (1.0 - low) * (step % 7) / 6.0, params={"low": 0.5})
ONE_CYCLE = ("one_cycle", {"start": 0.95 / 0.85, "final": 0.95 / 0.85})
# Of each rule: its parameters, those with a schedule, PyTorch's rule, and how that calls them.
RULES = {
    "sgd": ({"momentum": 0.85}, {"momentum": ONE_CYCLE}, "SGD", {"momentum": "momentum"}),
    "nesterov": (
        {"momentum": 0.9, "nesterov": 1.0, "weight_decay": 0.02},
        {"momentum": WAVE, "weight_decay": ("cosine", {"final": 10.0})},
        "SGD",
        {"momentum": "momentum", "weight_decay": "weight_decay"},
    ),
    "adam": ({}, {"beta1": ONE_CYCLE, "beta2": (WAVE, {"low": 0.9})}, "Adam", {"beta1": 0, "beta2": 1}),
    "adamw": (
        {"weight_decay": 0.04},
        {"weight_decay": ("cosine", {"final": 10.0}), "beta1": WAVE},
        "AdamW",
        {"weight_decay": "weight_decay", "beta1": 0},
    ),
}


def follow(group, name, value):
    """Set a parameter of a group of PyTorch's; of Adam's betas by number."""
    if isinstance(name, int):
        betas = list(group["betas"])
        betas[name] = value
        group["betas"] = tuple(betas)
    else:
        group[name] = value


def settings_of(rule, **how):
    own, schedules, _, _ = RULES[rule]
    name = "sgd" if rule == "nesterov" else rule
    return support.training(
        (name, {"lr": 0.02, **own}), batch=8, epochs=EPOCHS, schedule="one_cycle", schedules=schedules, **how
    )


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("of_arrays", [False, True], ids=["numbers", "arrays"])
def test_fifty_steps_are_those_of_pytorch(backend, rule, of_arrays):
    """Its parameters set before each step; weights and, as a group of their own, biases with half of the decay."""
    torch = pytest.importorskip("torch", reason=NO_TORCH)
    from oracles.torch_network import TorchNetwork

    settings = settings_of(rule)
    own = settings.optimizer.params
    share = 0.5 if of_arrays else 1.0
    if of_arrays:
        spared = tuple(share * value if name == "weight_decay" else value for name, value in own.items())
        settings = replace(settings, biases=spared)
    rows = support.rows(3 * STEPS if backend.simulated else 8 * STEPS, 3, 2)
    settings = replace(settings, batch_size=rows.count // STEPS, epochs=2 if backend.simulated else EPOCHS)
    bench = backend.make(NET, settings)
    peer = TorchNetwork(3, LAYERS)
    peer.set({name: np.array(array, np.float64) for name, array in NET.named(bench.parameters).items()})
    groups = [[array for name, array in peer.parameters.items() if name.endswith(end)] for end in ("weight", "bias")]
    _, _, torch_rule, names = RULES[rule]
    more = {"nesterov": True, "momentum": 0.9} if rule == "nesterov" else {}
    optimizer = getattr(torch.optim, torch_rule)([{"params": group} for group in groups], lr=0.02, **more)
    course = Course(settings, rows.count)
    inputs, targets = rows.features, torch.tensor(rows.values, dtype=torch.float64)
    for epoch in range(settings.epochs):
        now = course.settings(epoch)
        for step in range(STEPS):
            for group, decay in zip(optimizer.param_groups, (1.0, share), strict=True):
                group["lr"] = now.rates[step]
                for name, of_torch in names.items():
                    scale = decay if name == "weight_decay" else 1.0
                    follow(group, of_torch, scale * own[name] * now.factors[name][step])
            chosen = slice(step * settings.batch_size, (step + 1) * settings.batch_size)
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(peer.outputs(inputs[chosen]), targets[chosen]).backward()
            optimizer.step()
        bench.train_epoch(rows, epoch)
    errors = support.named_errors(NET.named(bench.parameters), peer.numbers(peer.parameters))
    assert max(errors.values()) < (1e-12 if backend.name == "reference" else 1e-5), errors
    constant = backend.make(NET, replace(settings, schedules={}))
    constant.train_epoch(rows, 0)
    once = backend.make(NET, settings)
    once.train_epoch(rows, 0)
    assert support.error(constant.parameters, once.parameters) > 1e-4


def test_one_cycle_is_that_of_pytorch():
    """Momentum from 0.95 down to 0.85 while the rate goes up, and up again while it goes down."""
    torch = pytest.importorskip("torch", reason=NO_TORCH)
    weights = [torch.nn.Parameter(torch.zeros(1))]
    optimizer = torch.optim.SGD(weights, lr=0.1, momentum=0.9)
    total = STEPS * EPOCHS
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.02, total_steps=total)
    settings = settings_of("sgd")
    found = settings.values(Course(settings, 8 * STEPS).settings(0, EPOCHS))
    rate, momentum = (list(settings.optimizer.record.params).index(name) for name in ("lr", "momentum"))
    for step in range(total):
        (group,) = optimizer.param_groups
        assert found[step, rate] == pytest.approx(group["lr"], rel=1e-12)
        assert found[step, momentum] == pytest.approx(group["momentum"], rel=1e-12)
        optimizer.step()
        if step < total - 1:
            schedule.step()


@pytest.mark.parametrize("of_arrays", [False, True], ids=["numbers", "arrays"])
def test_parts_of_an_epoch_have_the_bits_of_the_whole(backend, of_arrays):
    settings = settings_of("adamw", shuffle=True)
    if of_arrays:
        settings = replace(settings, biases=settings.optimizer.values)
    rows = support.rows(15, 3, 2)
    settings = replace(settings, batch_size=3)
    whole, parts = backend.make(NET, settings), backend.make(NET, settings)
    for epoch in range(2):
        whole.train_epoch(rows, epoch)
        for first, last in ((0, 1), (1, 4), (4, 5)):
            parts.train_epoch(rows, epoch, first, last)
    assert whole.parameters.tobytes() == parts.parameters.tobytes()
    # A step by itself follows no schedule, here as everywhere.
    plain = backend.make(NET, replace(settings, schedules={}))
    for bench in (whole, plain):
        bench.parameters[:], bench.state[:], bench.steps_done = parts.parameters, parts.state, parts.steps_done
        bench.train_step(rows)
    assert whole.parameters.tobytes() == plain.parameters.tobytes()


def test_a_schedule_is_asked_once_for_each_step(backend):
    asked = []
    schedule = Schedule("counted", lambda step, steps: asked.append(step) or 1.0)
    settings = support.training(batch=3, epochs=2, schedule=schedule)
    rows = support.rows(15, 3, 2)
    bench = backend.make(NET, settings)
    for step in range(STEPS):
        bench.train_epoch(rows, 0, step, step + 1)
    assert asked == list(range(STEPS))


SMALL = """
[scenario]
name = "scheduled"
title = "Scheduled"
[data]
source = "moons"
samples = 60
test_fraction = 0.2
[network]
loss = "binary_cross_entropy"
layers = [{{ kind = "dense", units = {units}, activation = "tanh" }}, {{ kind = "dense", units = 1, activation = "sigmoid" }}]
[optimizer]
name = "sgd"
lr = 0.3
momentum = 0.85
schedule = "one_cycle"
schedules = {{ momentum = {schedule} }}
[training]
epochs = 6
batch_size = 8
"""  # noqa: E501
CYCLE = '{ name = "one_cycle", start = 1.1, final = 1.1 }'


@pytest.fixture
def scenario(tmp_path):
    def write(schedule=CYCLE, units=4, more="", **changes):
        path = tmp_path / "scheduled.toml"
        path.write_text(SMALL.format(schedule=schedule, units=units) + more)
        return neurosim.load_scenario(path, overrides=changes)

    return write


@pytest.mark.parametrize("units", [4, 2000], ids=["lanes", "blocks"])
@pytest.mark.parametrize(
    "schedule", [CYCLE, '{ name = "reduce_on_plateau", factor = 0.5, patience = 0, threshold = 0.5 }']
)
def test_a_resumed_run_has_the_same_bits(scenario, tmp_path, schedule, units):
    whole, first, second = (Simulator(scenario(schedule, units)) for _ in range(3))
    whole.train()
    first.train_to(3 * first.steps_per_epoch + 2)
    load_checkpoint(save_checkpoint(tmp_path, first), second)
    second.train()
    for name, array in whole.parameters.items():
        assert array.tobytes() == second.parameters[name].tobytes()
    momenta = [record["optimizer.momentum"] for record in whole.history]
    assert momenta == [record["optimizer.momentum"] for record in second.history]
    assert len(set(momenta)) > 1


def test_a_member_of_an_ensemble_is_the_run_with_its_seed(scenario):
    chosen = scenario()
    for seed, member in zip((3, 4), Ensemble(chosen, [3, 4]).train(), strict=True):
        alone = Simulator(chosen, seed=seed)
        alone.train()
        assert member.measures["test_loss"] == alone.evaluate("test")["loss"]


def test_a_scenario_says_its_schedules_and_so_does_the_run(scenario, tmp_path):
    written = scenario().to_toml()
    assert "schedules = { momentum = { name = " in written
    neurosim.run(scenario(), out=tmp_path / "run")
    again = neurosim.load_scenario(tmp_path / "run" / "scenario.toml", own=True)
    assert again.optimizer == scenario().optimizer
    metrics = (tmp_path / "run" / "metrics.jsonl").read_text()
    assert metrics.count('"optimizer.momentum"') == 6


def test_overrides_reach_into_the_schedules(scenario):
    assert scenario(**{"optimizer.schedules.momentum": "cosine"}).optimizer.schedules["momentum"].params["final"] == 0.0
    final = {"optimizer.schedules.momentum.final": 0.5}
    assert scenario('"cosine"', **final).optimizer.schedules["momentum"].params["final"] == 0.5
    other = scenario(**{"optimizer.name": "adam"})
    assert other.optimizer.schedules is None
    assert "momentum, schedules.momentum belonged to sgd and are left out" in other.notes[0]
    own = scenario(**{"optimizer.schedules.momentum.name": "cosine"})
    assert "start belonged to one_cycle" in own.notes[0]


def test_explain_has_the_parameters_of_the_step(scenario):
    sheet = explain(Simulator(scenario('"cosine"')), steps=12).printed()
    momentum = 0.85 * 0.5 * (1 + np.cos(np.pi * 12 / 36))
    assert f"momentum = {momentum:.4g} by the schedule cosine" in sheet


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ('{ momentun = "cosine" }', "optimizer.schedules.momentun: unknown parameter of optimizer sgd; did you mean"),
        ('{ momentum = "cosin" }', 'optimizer.schedules.momentum: unknown schedule "cosin"; did you mean'),
        ('{ momentum = { name = "cosine", end = 1 } }', "optimizer.schedules.momentum.end: unknown parameter"),
        ('{ lr = "cosine" }', "the schedule of the learning rate stands at optimizer.schedule"),
        ('{ weight_decay = "cosine" }', "weight_decay is 0, so it would stay 0; set optimizer.weight_decay too"),
        ('{ momentum = { name = "cosine", warmup = 2 } }', "warmup: expected a share from 0 to 1, not 2"),
    ],
)  # fmt: skip
def test_wrong_schedules(scenario, tmp_path, given, words):
    path = tmp_path / "wrong.toml"
    path.write_text(SMALL.format(schedule='"cosine"', units=4).replace('{ momentum = "cosine" }', given))
    with pytest.raises(ScenarioError) as caught:
        neurosim.load_scenario(path)
    assert words in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (Schedule("bad", lambda step, steps: -1.0), "It must return a finite number, 0 or larger: what momentum is"),
        (Schedule("bad", lambda step, steps: 1e39), "1e+39 times momentum, which is 0.85, is too large a number"),
        (FeedbackSchedule("bad", lambda losses: None), "returns None before the first epoch"),
    ],
)  # fmt: skip
def test_factors_must_be_usable(record, words):
    settings = support.training(("sgd", {"momentum": 0.85}), schedules={"momentum": record})
    with pytest.raises(PluginError) as caught:
        Course(settings, 8).settings(0)
    assert words in f"{caught.value.message} {caught.value.hint}"
