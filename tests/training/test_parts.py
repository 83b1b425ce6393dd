"""Long epochs are trained in parts: between two a run can be stopped, kept, and gone on with to the same bits."""

import json

import pytest
from support import BACKENDS

import neurosim
from neurosim.runs import Observer
from neurosim.runs.checkpoint import load_checkpoint, newest, save_checkpoint
from neurosim.training import epochs
from neurosim.training.simulator import Simulator

# 8 rows in batches of 2: 4 steps an epoch; memory of the optimizer, running statistics, dropout, best weights.
SCENARIO = """
[scenario]
name = "parts"
title = "Eight rows"
seed = 3
[data]
source = "csv"
file = "rows.csv"
target = "y"
task = "regression"
[network]
loss = "mse"
layers = [
  { kind = "dense", units = 3, activation = "tanh" },
  { kind = "batch_norm" },
  { kind = "dropout", rate = 0.2 },
  { kind = "dense", units = 1, activation = "identity" },
]
[optimizer]
name = "adam"
lr = 0.05
schedule = { name = "reduce_on_plateau", patience = 1 }
[training]
epochs = 4
batch_size = 2
keep_best = "train_loss"
[record]
quantities = ["gradient_norm", "update_ratio"]
per = "step"
every = 3
"""


@pytest.fixture
def scenario(tmp_path):
    (tmp_path / "rows.csv").write_text("x,y\n" + "".join(f"{k / 4},{(k % 3) / 2}\n" for k in range(8)))
    (tmp_path / "parts.toml").write_text(SCENARIO)
    return tmp_path / "parts.toml"


@pytest.fixture(params=[1, 2, 3])
def part(request, monkeypatch):
    """So many steps are a part."""
    monkeypatch.setattr(epochs.Epochs, "_steps_of_part", lambda self, rows, epoch: request.param)
    return request.param


class StopAt(Observer):
    """Ctrl-C after so many parts that are not the last of their epoch."""

    def __init__(self, parts):
        self.left = parts

    def part(self):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


class StillThere(Observer):
    """What a run goes on from is there until it has something newer."""

    def __init__(self, checkpoint):
        self.checkpoint = checkpoint
        self.seen = False

    def part(self):
        assert self.seen or self.checkpoint.is_file()
        self.seen = True

    def epoch(self, record):
        self.part()


def facts(folder):
    """What must not depend on stops."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    names = ("model.safetensors", "record.npz")
    return [[line | {"seconds": 0} for line in lines], *((folder / name).read_bytes() for name in names)]


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
def test_a_run_stopped_within_an_epoch_goes_on_to_the_same_bits(backend, scenario, part, tmp_path):
    if backend.simulated and part != 2:
        pytest.skip("in the simulator one way to cut an epoch is enough")
    neurosim.run(scenario, backend=backend.name, out=tmp_path / "whole")
    stops = 4 * (-(-4 // part) - 1)
    for at in (2,) if backend.simulated else (1, stops // 2 + 1, stops):
        run = tmp_path / f"stopped-{at}"
        with pytest.raises(KeyboardInterrupt):
            neurosim.run(scenario, backend=backend.name, out=run, observer=StopAt(at))
        assert int(newest(run).stem.split("-")[1]) % 4
        kept = newest(run)
        neurosim.run(run / "scenario.toml", backend=backend.name, resume=run, observer=StillThere(kept))
        assert facts(run) == facts(tmp_path / "whole")


def test_the_parts_change_no_weight(scenario, monkeypatch, tmp_path):
    weights = []
    for steps in (1, 3, 4):
        monkeypatch.setattr(epochs.Epochs, "_steps_of_part", lambda self, rows, epoch, steps=steps: steps)
        simulator = Simulator(neurosim.load_scenario(scenario))
        simulator.train()
        weights.append(save_checkpoint(tmp_path / str(steps), simulator).read_bytes() and simulator.parameters)
    for name, array in weights[0].items():
        assert all((other[name] == array).all() for other in weights)


def test_the_time_of_an_epoch_that_was_stopped_is_all_of_it(scenario, monkeypatch, tmp_path):
    monkeypatch.setattr(epochs.Epochs, "_steps_of_part", lambda self, rows, epoch: 2)
    clock = iter(range(10_000))
    monkeypatch.setattr(epochs.time, "perf_counter", lambda: float(next(clock)))
    simulator = Simulator(neurosim.load_scenario(scenario))
    whole = simulator.train_epoch()["seconds"]
    stopped, resumed = (Simulator(neurosim.load_scenario(scenario)) for _ in range(2))

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped.train_epoch(stop)
    load_checkpoint(save_checkpoint(tmp_path, stopped), resumed)
    assert resumed.train_epoch()["seconds"] == whole


def test_a_long_epoch_is_cut_by_its_work_alone():
    simulator = Simulator(neurosim.load_scenario("digits"))
    rows = simulator.split_rows("train")
    work = 3 * sum(layer.multiply_adds for layer in simulator.network.parts)
    steps = simulator._epochs._steps_of_part(rows, 0)
    batch = simulator.training.batch_size
    assert steps == epochs.PART // (work * batch)
    assert steps > simulator.steps_per_epoch
