"""Batch sizes that change from epoch to epoch: steps, schedules that count them, and everything that finds a step."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
import support
from support import Dense

import neurosim
from neurosim import FeedbackSchedule, Schedule
from neurosim.backends.cuda.backend import CudaBackend
from neurosim.backends.cuda.strategy import Strategy
from neurosim.errors import PluginError, ScenarioError, UsageError
from neurosim.network.course import Course
from neurosim.report.sections import network
from neurosim.report.words import Words
from neurosim.runs.checkpoint import load_checkpoint, save_checkpoint
from neurosim.training.ensemble import Ensemble
from neurosim.training.simulator import Simulator
from neurosim.worksheet import explain

LAYERS = (Dense(5, "tanh"), Dense(2, "identity"))
NET = support.network(3, LAYERS)
ROWS = 23
# The batch sizes of some epochs: more rows, fewer, half a row, all rows and more.
FACTORS = (1.0, 1.0, 2.0, 3.4, 0.1, 0.625, 7.0, 1.5, 0.25)
SIZES = (4, 4, 8, 14, 1, 3, 23, 6, 1)
GIVEN = Schedule("given", lambda epoch, epochs: FACTORS[epoch], unit="epochs")
GROWS = FeedbackSchedule("grows", lambda losses: 2.0 ** sum(b > a for a, b in itertools.pairwise(losses)))


def settings_of(batches=GIVEN, **how):
    how = {"batch": 4, "epochs": len(FACTORS), "schedule": "cosine", **how}
    settings = support.training(("adam", {"lr": 0.02}), **how)
    return replace(settings, batch_schedule=support.chosen(support.BUILTINS.schedules, batches))


def test_a_course_counts_the_steps_of_all_epochs():
    course = Course(settings_of(), ROWS)
    assert [course.batch(epoch) for epoch in range(len(SIZES))] == list(SIZES)
    starts = np.cumsum([0, *(-(-ROWS // size) for size in SIZES)]).tolist()
    # Whatever is asked first.
    assert [Course(settings_of(), ROWS).before(epoch) for epoch in range(len(SIZES) + 1)] == starts
    assert course.total == starts[-1] >= 50
    assert course.largest_batch == ROWS
    for step in range(course.total):
        epoch, place = course.place(step)
        assert starts[epoch] + place == step < starts[epoch + 1]
        assert course.epochs(step) == epoch + place / course.steps(epoch)
    assert course.place(course.total) == (len(SIZES), 0)
    stretches = list(course.stretches(0, len(SIZES)))
    assert stretches == [(0, 2, 0), *((epoch, 1, starts[epoch]) for epoch in range(2, len(SIZES)))]
    # A schedule that counts steps goes over all of them, whatever the batch size.
    rates = np.concatenate([course.settings(epoch).rates for epoch in range(len(SIZES))])
    assert rates == pytest.approx(0.01 * (1.0 + np.cos(np.pi * np.arange(course.total) / course.total)), rel=1e-12)
    assert course.settings(0, len(SIZES)).rates.tolist() == rates.tolist()


def test_a_batch_that_follows_the_losses_is_known_as_far_as_they_are():
    losses = [3.0, 4.0]
    course = Course(settings_of(GROWS, schedule="constant"), ROWS, losses)
    assert [course.batch(epoch) for epoch in range(5)] == [4, 4, 8, 8, 8]
    assert course.before(5) == 6 + 6 + 3 + 3 + 3
    losses += [5.0]
    assert [course.batch(epoch) for epoch in range(5)] == [4, 4, 8, 16, 16]
    assert (course.before(5), course.place(15), course.place(17)) == (19, (3, 0), (4, 0))
    # As after a divergence.
    losses[1:] = [2.0]
    assert [course.batch(epoch) for epoch in range(5)] == [4] * 5
    assert course.settings(4).rates.size == 6


CASES = {
    "numbers": lambda settings: settings,
    "arrays": lambda settings: replace(settings, biases=settings.optimizer.values),
    "clipped": lambda settings: replace(settings, clip_norm=100.0),
}


@pytest.mark.parametrize("case", CASES)
def test_fifty_steps_are_those_of_pytorch(backend, case):
    """Rows cut into batches of the size of each epoch; the last batch may have fewer."""
    torch = pytest.importorskip("torch", reason="PyTorch is an optional peer: pip install neurosim-edu[peers]")
    from oracles.torch_network import TorchNetwork

    if backend.simulated and case == "clipped":
        pytest.skip("it is compiled as the others are")
    settings, rows = CASES[case](settings_of()), support.rows(ROWS, 3, 2)
    bench, course = backend.make(NET, settings), Course(settings, ROWS)
    peer = TorchNetwork(3, LAYERS)
    peer.set({name: np.array(array, np.float64) for name, array in NET.named(bench.parameters).items()})
    optimizer = torch.optim.Adam(peer.parameters.values(), lr=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=course.total)
    inputs, targets = rows.features, torch.tensor(rows.values, dtype=torch.float64)
    for epoch, size in enumerate(SIZES[:4] if backend.simulated else SIZES):
        total = 0.0
        for start in range(0, ROWS, size):
            chosen = slice(start, start + size)
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(peer.outputs(inputs[chosen]), targets[chosen])
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(inputs[chosen])
        found = bench.train_epoch(rows, epoch)
        tolerance = 1e-12 if backend.name == "reference" else 1e-5
        assert found.mean_loss == pytest.approx(total / ROWS, rel=tolerance)
    assert bench.steps_done == course.before(4) if backend.simulated else course.total
    errors = support.named_errors(NET.named(bench.parameters), peer.numbers(peer.parameters))
    assert max(errors.values()) < tolerance, errors


@pytest.mark.parametrize("strategy", Strategy)
def test_parts_of_epochs_have_the_bits_of_whole_ones_on_a_gpu(strategy):
    settings, rows = settings_of(shuffle=True), support.rows(9, 3, 2)
    whole, parts = (CudaBackend(NET, settings, 1, strategy=strategy) for _ in range(2))
    course = Course(settings, 9)
    for epoch in range(1, 4):
        whole.train_epoch(rows, epoch)
        for first, last in itertools.pairwise(sorted({0, 1, course.steps(epoch)})):
            parts.train_epoch(rows, epoch, first, last)
    assert whole.parameters.tobytes() == parts.parameters.tobytes()
    assert len(whole._launches) <= 1


SMALL = """
[scenario]
name = "batches"
title = "Batches"
[data]
source = "moons"
samples = 70
test_fraction = 0.2
[network]
loss = "binary_cross_entropy"
layers = [{{ kind = "dense", units = {units}, activation = "tanh" }}, {{ kind = "dense", units = 1, activation = "sigmoid" }}]
[optimizer]
name = "adam"
lr = 0.05
{optimizer}
[training]
epochs = 6
batch_size = 8
batch_schedule = {batches}
{more}
"""  # noqa: E501
DOUBLES = '{ name = "epoch_decay", every = 2, factor = 2 }'
HALVES = '{ name = "epoch_decay", every = 2, factor = 0.5 }'
PLATEAU = '{ name = "reduce_on_plateau", factor = 2, patience = 0, threshold = 0.2 }'
COSINE = 'schedule = "cosine"'
AVERAGE = 'average = { kind = "ema", decay = 0.8, start = 3 }'


@pytest.fixture
def scenario(tmp_path):
    def write(batches=DOUBLES, optimizer="", more="", units=4, **changes):
        path = tmp_path / "batches.toml"
        path.write_text(SMALL.format(batches=batches, optimizer=optimizer, more=more, units=units))
        return neurosim.load_scenario(path, overrides=changes)

    return write


def sizes(history):
    return [record["training.batch_size"] for record in history]


@pytest.mark.parametrize("units", [4, 2000], ids=["lanes", "blocks"])
@pytest.mark.parametrize(
    ("batches", "optimizer", "more"),
    [(DOUBLES, COSINE, AVERAGE), (HALVES, COSINE, ""), (PLATEAU, "", 'average = { kind = "polyak" }')],
    ids=["more", "fewer", "feedback"],
)
def test_a_resumed_run_has_the_same_bits(scenario, tmp_path, batches, optimizer, more, units):
    whole, first, second = (Simulator(scenario(batches, optimizer, more, units)) for _ in range(3))
    whole.train()
    assert len(set(sizes(whole.history))) > 1
    assert whole.steps_done == whole.course.total == sum(-(-56 // size) for size in sizes(whole.history))
    step = whole.course.before(4) + 1
    first.train_to(step)
    assert (first.steps_done, len(first.history)) == (step, 4)
    load_checkpoint(save_checkpoint(tmp_path, first), second)
    second.train()
    for name, array in whole.parameters.items():
        assert array.tobytes() == second.parameters[name].tobytes()
    assert sizes(second.history) == sizes(whole.history)
    assert [record["train_loss"] for record in second.history] == [record["train_loss"] for record in whole.history]


def test_an_average_begins_with_its_epoch(scenario):
    averaged, plain = Simulator(scenario(more=AVERAGE)), Simulator(scenario())
    expected = None
    for step in range(1, plain.course.total + 1):
        plain.train_to(step)
        now = plain._backend.parameters.astype(np.float64)
        first = step <= plain.course.before(2) + 1
        expected = now if first else 0.8 * expected + 0.2 * now
    averaged.train()
    assert support.error(averaged._backend.average, expected) < 1e-6


@pytest.mark.parametrize("batches", [DOUBLES, PLATEAU], ids=["side by side", "alone"])
def test_a_member_of_an_ensemble_is_the_run_with_its_seed(scenario, batches):
    chosen = scenario(batches)
    for seed, member in zip((3, 4), Ensemble(chosen, [3, 4]).train(), strict=True):
        alone = Simulator(chosen, seed=seed)
        alone.train()
        assert member.measures["test_loss"] == alone.evaluate("test")["loss"]


def test_each_step_is_recorded_and_explained(scenario):
    simulator = Simulator(scenario(more='[record]\nquantities = ["weight_norm"]\nper = "step"\nevery = 4'))
    simulator.train()
    recording = simulator.recording
    total = simulator.course.total
    assert list(recording.steps) == [*range(0, total, 4), total]
    assert list(recording.epochs) == pytest.approx([simulator.course.epochs(step) for step in recording.steps])
    for step, size in ((9, 8), (total - 1, 32)):
        sheet = explain(Simulator(scenario()), steps=step).printed()
        assert f"During training a batch has {size} rows" in " ".join(sheet.split())
    with pytest.raises(UsageError, match=f"there is no step {total + 1}: training has {total} steps"):
        Simulator(scenario()).train_to(total + 1)


def test_a_replay_begins_at_any_epoch_or_step(scenario, tmp_path):
    run = neurosim.run(scenario(), out=tmp_path / "run")
    steps = Simulator(scenario()).course
    for place in (("epoch", 3), steps.before(4) + 1):
        found = neurosim.replay(run, **({"epoch": 3} if isinstance(place, tuple) else {"step": place}))
        assert found.step == (steps.before(3) if isinstance(place, tuple) else place)
        assert found.epoch == steps.epochs(found.step)
        for name, array in run.simulator.parameters.items():
            assert array.tobytes() == found.branch.simulator.parameters[name].tobytes()
    other = neurosim.replay(run, epoch=2, overrides={"training.batch_schedule.factor": 4.0})
    assert sizes(other.branch.history) == [8, 8, 32, 32, 56, 56]
    with pytest.raises(UsageError, match="with another batch size a replay begins between two epochs"):
        neurosim.replay(run, step=steps.before(4) + 1, overrides={"training.batch_schedule.factor": 4.0})


def test_a_scenario_says_its_schedule_and_so_does_the_run(scenario, tmp_path):
    neurosim.run(scenario(), out=tmp_path / "run")
    again = neurosim.load_scenario(tmp_path / "run" / "scenario.toml", own=True)
    assert again.training == scenario().training
    page = re.sub("<.*?>", "", network(Simulator(scenario()), Words()))
    assert "56 training rows in batches of 8 to 32." in page
    shorter = scenario('"epoch_decay"', **{"training.batch_schedule.every": 1})
    assert shorter.training.batch_schedule.params == {"every": 1.0, "factor": 0.1}


@pytest.mark.parametrize(
    ("batches", "optimizer", "more", "words"),
    [
        ('"cosine"', "", "", "training.batch_schedule: cosine counts steps, of which an epoch has more or fewer"),
        (PLATEAU, COSINE, "", "optimizer.schedule: cosine needs to know how many steps there are in all"),
        (PLATEAU, 'schedules = { beta1 = "cosine" }', "", "optimizer.schedules.beta1: cosine needs to know"),
        (DOUBLES, "", 'average = { kind = "swa" }', "training.average.kind: swa needs epochs of equal length"),
        (PLATEAU, "", AVERAGE, "training.average.start: which step is the first of that epoch is not known"),
        ('"epoch_decoy"', "", "", 'training.batch_schedule: unknown schedule "epoch_decoy"; did you mean'),
    ],
)
def test_what_cannot_take_part_is_refused(scenario, batches, optimizer, more, words):
    with pytest.raises(ScenarioError) as caught:
        scenario(batches, optimizer, more)
    assert words in f"{caught.value.message} {caught.value.hint}"


def test_a_factor_of_the_batch_size_must_be_a_number():
    bad = Schedule("bad", lambda epoch, epochs: "all", unit="epochs")
    with pytest.raises(PluginError) as caught:
        Course(settings_of(bad), ROWS).batch(0)
    assert "returns the text 'all' at epoch 0 of 9" in caught.value.message
    assert "what the batch size is multiplied by" in caught.value.hint
