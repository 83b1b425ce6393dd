"""Schedules: factors at the start, in the middle and at the end, and how training uses them."""

import math

import numpy as np
import pytest
import support

from neurosim import Schedule, Simulator, load_scenario
from neurosim.errors import PluginError, ScenarioError
from neurosim.network.course import Course


def factor(name, step, steps, **params):
    chosen = support.chosen(support.BUILTINS.schedules, name, params)
    return chosen.record.factor(step, steps, *chosen.values)


def feedback(losses, **params):
    """The factors of ``reduce_on_plateau`` for each epoch, and for the one after the last."""
    chosen = support.chosen(support.BUILTINS.schedules, "reduce_on_plateau", params)
    return [chosen.record.factor(losses[:epoch], *chosen.values) for epoch in range(len(losses) + 1)]


def test_the_built_in_schedules_are_all_there(registry):
    assert set(registry.schedules.names()) == {
        "constant", "step_decay", "exponential", "cosine", "one_cycle", "epoch_decay", "milestones", "cosine_restarts",
        "reduce_on_plateau",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["constant", "step_decay", "exponential", "cosine"])
def test_schedules_that_start_at_one(name):
    assert factor(name, 0, 1000) == 1.0


def test_constant():
    assert [factor("constant", step, 10) for step in (0, 5, 9)] == [1.0, 1.0, 1.0]


def test_step_decay_drops_at_equal_distances():
    found = [factor("step_decay", step, 9, drops=2, factor=0.1) for step in range(9)]
    assert found == pytest.approx([1.0] * 3 + [0.1] * 3 + [0.01] * 3)


def test_exponential_goes_to_its_final_factor():
    assert factor("exponential", 500, 1000, final=0.01) == pytest.approx(0.1)
    assert factor("exponential", 999, 1000, final=0.01) == pytest.approx(0.01, rel=0.01)


def test_cosine_is_half_way_in_the_middle():
    assert factor("cosine", 250, 1000, final=0.0) == pytest.approx(0.5 * (1.0 + math.sqrt(0.5)))
    assert factor("cosine", 500, 1000, final=0.0) == pytest.approx(0.5)
    assert factor("cosine", 500, 1000, final=0.2) == pytest.approx(0.6)
    assert factor("cosine", 1000, 1000, final=0.2) == pytest.approx(0.2)


def test_warm_up_is_a_line_that_ends_where_the_cosine_begins():
    found = [factor("cosine", step, 20, final=0.0, warmup=0.2) for step in range(20)]
    assert found[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert found[4:] == pytest.approx([0.5 * (1.0 + math.cos(math.pi * k / 16)) for k in range(16)])
    # A share that is no whole number of steps, all of the run, and a run of one step.
    assert [factor("cosine", step, 4, final=0.0, warmup=0.1) for step in (0, 1)] == pytest.approx(
        [1.0 / 1.4, 0.5 * (1.0 + math.cos(math.pi * 0.6 / 3.6))]
    )
    assert factor("cosine", 9, 10, warmup=1.0) == pytest.approx(10.0 / 11.0)
    assert factor("cosine", 0, 1, warmup=0.5) == pytest.approx(1.0 / 1.5)


def test_one_cycle_goes_up_to_the_peak_and_down():
    found = [factor("one_cycle", step, 21, warmup=8 / 21, start=0.1, final=0.01) for step in range(21)]
    assert found[0] == pytest.approx(0.1)
    assert max(found) == found[7] == pytest.approx(1.0)
    assert found[-1] == pytest.approx(0.01)
    assert found[14] == pytest.approx(0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * 7 / 13)))
    assert (np.diff(found[:8]) > 0.0).all()
    assert (np.diff(found[7:]) < 0.0).all()


@pytest.mark.parametrize(("steps", "warmup"), [(1, 0.0), (1, 0.3), (1, 1.0), (10, 0.1), (10, 1.0), (2, 0.5)])
def test_one_cycle_of_few_steps_has_a_factor_for_each(steps, warmup):
    found = [factor("one_cycle", step, steps, warmup=warmup) for step in range(steps)]
    assert all(0.0 < value <= 1.0 for value in found)


def test_reduce_on_plateau_waits_and_falls():
    losses = [1.0, 0.9, 0.9, 0.9, 0.9, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    # Three epochs in a row that are no better, with a patience of two, and waiting begins anew.
    assert feedback(losses, factor=0.5, patience=2) == [1, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125]
    assert feedback(losses, factor=0.5, patience=2, min_factor=0.3)[-1] == 0.3
    # An improvement too small to count.
    assert feedback([1.0, 0.99, 0.98], factor=0.5, patience=0, threshold=0.05) == [1.0, 1.0, 0.5, 0.25]
    # A patience of none, losses that are not finite, and none at all.
    assert feedback([math.inf, 2.0, math.nan], factor=0.1, patience=0) == pytest.approx([1.0, 0.1, 0.1, 0.01])
    assert feedback([]) == [1.0]


def torch_rates(make, steps):
    """Factors that a schedule of PyTorch gives to a learning rate of 1; `make` is given torch and the optimizer."""
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = make(torch.optim.lr_scheduler, optimizer)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def cosine_with_warm_up(torch, optimizer):
    first = torch.LinearLR(optimizer, start_factor=1 / 7, total_iters=6)
    then = torch.CosineAnnealingLR(optimizer, T_max=24, eta_min=0.05)
    return torch.SequentialLR(optimizer, [first, then], milestones=[6])


PEERS = {
    "step_decay": (
        {"drops": 2, "factor": 0.3}, lambda torch, optimizer: torch.StepLR(optimizer, step_size=10, gamma=0.3),
    ),
    "epoch_decay": (
        {"every": 7, "factor": 0.3}, lambda torch, optimizer: torch.StepLR(optimizer, step_size=7, gamma=0.3),
    ),
    "milestones": (
        {"at": (4, 11, 11, 25), "factor": 0.3},
        lambda torch, optimizer: torch.MultiStepLR(optimizer, milestones=[4, 11, 11, 25], gamma=0.3),
    ),
    "cosine_restarts": (
        {"period": 7, "final": 0.05}, lambda torch, optimizer: torch.CosineAnnealingWarmRestarts(optimizer, 7, 1, 0.05),
    ),
    "cosine_restarts that grow": (
        {"period": 3, "growth": 3}, lambda torch, optimizer: torch.CosineAnnealingWarmRestarts(optimizer, 3, 3),
    ),
    "exponential": (
        {"final": 0.02}, lambda torch, optimizer: torch.ExponentialLR(optimizer, gamma=0.02 ** (1 / 30)),
    ),
    "cosine": (
        {"final": 0.05}, lambda torch, optimizer: torch.CosineAnnealingLR(optimizer, T_max=30, eta_min=0.05),
    ),
    "cosine with warm-up": ({"final": 0.05, "warmup": 0.2}, cosine_with_warm_up),
    "one_cycle": ({}, lambda torch, optimizer: torch.OneCycleLR(optimizer, max_lr=1.0, total_steps=31)),
    "one_cycle of its own": (
        {"warmup": 0.45, "start": 0.1, "final": 0.002},
        lambda torch, optimizer: torch.OneCycleLR(
            optimizer, max_lr=1.0, total_steps=31, pct_start=0.45, div_factor=10, final_div_factor=50
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PEERS)
@pytest.mark.filterwarnings("ignore:The epoch parameter:UserWarning")  # from SequentialLR, about itself
def test_schedules_are_those_of_torch(case):
    params, make = PEERS[case]
    steps = 31 if "one_cycle" in case else 30
    # Its one-cycle schedule allows no step after the last one of the run.
    expected = torch_rates(make, 30)
    found = [factor(case.split()[0], step, steps, **params) for step in range(30)]
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("patience", [0, 1, 3])
@pytest.mark.parametrize("threshold", [1e-4, 0.1])
def test_reduce_on_plateau_is_that_of_torch(patience, threshold):
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(patience)
    losses = (np.exp(-np.arange(60) / 15) * random.uniform(0.7, 1.3, 60)).tolist()
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.5, patience=patience, threshold=threshold, min_lr=0.01
    )
    expected = [1.0]
    for loss in losses:
        schedule.step(loss)
        expected.append(optimizer.param_groups[0]["lr"])
    assert len(set(expected)) > 3
    found = feedback(losses, factor=0.5, patience=patience, threshold=threshold, min_factor=0.01)
    assert found == pytest.approx(expected, rel=1e-12)


def test_a_schedule_of_epochs_keeps_its_factor_for_all_steps_of_one():
    settings = support.training(("sgd", {"lr": 0.5}), epochs=4, schedule=("epoch_decay", {"every": 2, "factor": 0.1}))
    assert Course(settings, 3 * 8).settings(0, 4).rates == pytest.approx([0.5] * 6 + [0.05] * 6)
    assert Course(settings, 5 * 8).settings(3).rates == pytest.approx([0.05] * 5)


def test_a_schedule_of_epochs_is_told_how_many_there_are(backend, tmp_path):
    (tmp_path / "counted.py").write_text(
        "from neurosim import Schedule, hookimpl\n"
        "def factor(epoch, epochs, most):\n    return most * (epoch + 1) / epochs\n"
        "@hookimpl\ndef neurosim_schedules():\n"
        "    return [Schedule('counted', factor, params={'most': 2.0}, unit='epochs')]\n"
    )
    changes = {"optimizer.schedule": "counted", "optimizer.lr": 0.1, "training.epochs": 4, "expect": {}}
    simulator = Simulator(load_scenario("xor", overrides=changes, plugins=[tmp_path / "counted.py"]), backend.name)
    assert simulator.train().lr == pytest.approx([0.05, 0.1, 0.15, 0.2])
    with pytest.raises(PluginError, match="unit must be 'steps' or 'epochs', not 'epoch'"):
        Schedule("mine", lambda epoch, epochs: 1.0, unit="epoch")


def test_rates_of_all_epochs_are_one_smooth_course():
    settings = support.training(("sgd", {"lr": 0.5}), epochs=4, schedule="cosine")
    rates = np.concatenate([Course(settings, 5 * 8).settings(epoch).rates for epoch in range(4)])
    assert rates[0] == 0.5
    assert (np.diff(rates) < 0.0).all()
    assert rates == pytest.approx([0.5 * factor("cosine", step, 20) for step in range(20)])


def test_backends_follow_the_schedule(backend):
    """Gradient 1 at every step (the weight times a constant input): parameters fall by the rates."""
    settings = support.training(("sgd", {"lr": 0.25}), batch=2, epochs=3, schedule="exponential")
    net = support.network(1, [support.Dense(1)], "mae")
    bench = backend.make(net, settings)
    bench.parameters[:] = [10.0, 10.0]
    rows = support.Rows(np.zeros((6, 1), np.float32), np.zeros((6, 1), np.float32), np.zeros(0, np.int32), "none")
    for epoch in range(3):
        bench.train_epoch(rows, epoch)
    total = Course(settings, 6).settings(0, 3).rates.sum()
    assert bench.parameters[0] == 10.0
    assert bench.parameters[1] == pytest.approx(10.0 - total, rel=1e-6)


def test_backends_follow_the_losses(backend):
    """As above: with feedback, the rate of each epoch is that of the losses before it."""
    plateau = ("reduce_on_plateau", {"factor": 0.5, "patience": 0})
    settings = support.training(("sgd", {"lr": 0.25}), batch=2, epochs=4, schedule=plateau)
    bench = backend.make(support.network(1, [support.Dense(1)], "mae"), settings)
    bench.parameters[:] = [10.0, 10.0]
    rows = support.Rows(np.zeros((6, 1), np.float32), np.zeros((6, 1), np.float32), np.zeros(0, np.int32), "none")
    weights, losses = [10.0], []
    for epoch, loss in enumerate([3.0, 3.0, 2.0, 2.0]):
        bench.losses = losses
        bench.train_epoch(rows, epoch)
        losses.append(loss)
        weights.append(float(bench.parameters[1]))
    assert -np.diff(weights) == pytest.approx([0.75, 0.75, 0.375, 0.375], rel=1e-5)
    assert Course(settings, 1, losses).settings(0, 5).rates == pytest.approx([0.25, 0.25, 0.125, 0.125, 0.0625])


@pytest.mark.parametrize(
    ("name", "key", "wrong"),
    [("cosine_restarts", "period", 0.5), ("cosine_restarts", "growth", 0), ("epoch_decay", "every", 0)],
)
def test_decays_and_restarts_take_an_epoch_or_more(name, key, wrong):
    with pytest.raises(ScenarioError, match=rf"optimizer.schedule.{key}: expected a number of at least 1, not"):
        load_scenario("xor", overrides={"optimizer.schedule": {"name": name, key: wrong}})
