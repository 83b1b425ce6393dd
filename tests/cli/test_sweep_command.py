"""``neurosim sweep`` and ``neurosim rank``: their tables, and what they say of wrong words."""

import io
import json
import time
from pathlib import Path

import pytest
from rich.console import Console

from neurosim.cli.sweep_progress import _live_line
from neurosim.scenario import shipped
from neurosim.sweeps.entries import Entry
from neurosim.sweeps.sweep import Progress

WORDS = ("iris", "--over", "optimizer.lr=0.01,0.1", "--set", "training.epochs=2", "--set", "expect={}", "--jobs", "1")


def test_a_sweep_and_its_table_again(neurosim):
    done = neurosim("sweep", *WORDS, "--seeds", 3)
    assert (done.code, done.err) == (0, "")
    assert "6 of 6 done, best test accuracy" in done.out
    assert "2 networks, the best test accuracy first" in done.out
    table = done.out.partition("2 networks")[2].partition("\n\nTrials")[0]
    assert neurosim("rank", "runs/iris-sweep").out.partition("2 networks")[2].strip() == table.strip()
    again = json.loads(neurosim("sweep", *WORDS, "--seeds", 3, "--json").out)
    assert (again["trials"], again["trained"], again["measure"]) == (6, 0, "test_accuracy")
    by_loss = json.loads(neurosim("rank", "runs/iris-sweep", "--by", "train_loss", "--json").out)
    first, second = by_loss["ranking"]
    assert first["mean"] < second["mean"]
    assert (first["p"], first["n"], first["seeds"]) == (None, 3, [0, 1, 2])
    assert 0 < second["p"] < 1
    low, high = first["interval"]
    assert low < first["mean"] < high
    assert [row["seed"] for row in by_loss["trials"]] == [0, 1, 2, 0, 1, 2]
    assert first["multiply_adds"] == by_loss["trials"][0]["multiply_adds"] > 0
    written = neurosim("rank", "runs/iris-sweep", "--csv", "tables/trials.csv")
    assert (written.code, written.out) == (0, f"{Path('tables/trials.csv')}\n")
    assert len(Path("tables/trials.csv").read_text().splitlines()) == 7
    page = neurosim("rank", "runs/iris-sweep", "--page", "pages/iris.html")
    assert (page.code, page.out) == (0, f"{Path('pages/iris.html')}\n")
    assert "Ranking of iris-sweep" in Path("pages/iris.html").read_text(encoding="utf-8")
    assert "--page ranking.html --open" in neurosim("rank", "runs/iris-sweep", "--open").err
    # A trial is a run like any other.
    assert neurosim("export", first["runs"][0], "--to", "numpy", "--out", "net.py").code == 0
    refused = neurosim("rank", "runs/iris-sweep", "--by", "nothing")
    assert (refused.code, "not every run has the measure nothing" in refused.err) == (2, True)


def test_the_best_misses_what_is_expected(neurosim):
    done = neurosim("sweep", "xor", "--over", "optimizer.lr=1e-6", "--set", "training.epochs=1", "--jobs", "1")
    assert done.code == 5
    assert "no seed of the best has met what the scenario expects" in done.err


def test_what_diverges_or_has_not_memory_enough_is_a_row(neurosim):
    small, large = (
        "[" + ",".join(f'{{kind="dense",units={units}}}' for units in (*hidden, 10)) + "]"
        for hidden in ((4,), (1_000_000, 1_000_000))
    )
    words = ("--set", "training.epochs=1", "--set", "expect={}", "--jobs", 1)
    done = neurosim("sweep", "digits", "--over", f"network.layers={small},{large}", *words)
    assert (done.code, done.err) == (0, "")
    assert "1 failed: training takes at least 14.6 TiB of memory" in done.out
    # Something is expected of the best, and there is none.
    done = neurosim("sweep", "sine", "--over", "optimizer.lr=1e35", "--set", "training.epochs=1", "--jobs", 1)
    assert done.code == 5
    assert "1 failed: training diverged in epoch 1" in done.out


def test_what_varies_is_in_the_scenario(neurosim, tmp_path):
    text = shipped()["xor"].read_text(encoding="utf-8")
    section = '[sweep]\nover = { "optimizer.lr" = "log(0.1,1)" }\nsearch = "tpe"\ntrials = 3\n'
    (tmp_path / "mine.toml").write_text(f"{text}\n{section}", encoding="utf-8")
    short = ("--set", "training.epochs=3", "--set", "expect={}")
    done = neurosim("sweep", "mine.toml", *short, "--jobs", 1)
    assert (done.code, done.err) == (0, "")
    assert "3 of 3 done, best train accuracy" in done.out
    assert "[sweep]" not in next(Path("runs/xor-sweep").glob("*/scenario.toml")).read_text()
    changed = neurosim("sweep", "mine.toml", *short, "--search", "grid", "--over", "optimizer.lr=1,2", "--json")
    assert json.loads(changed.out)["trials"] == 2
    # Another command trains the one network, and its copy can be swept in turn.
    assert neurosim("run", "mine.toml", *short, "--quiet", "--no-report", "--out", "one").code == 0
    assert json.loads(neurosim("sweep", "one", "--jobs", 1, "--json").out)["trials"] == 3
    assert "--search and --sobol are two ways" in neurosim("sweep", "mine.toml", "--search", "tpe", "--sobol", 3).err


@pytest.fixture
def terminal(monkeypatch):
    """A terminal; gives what was written to it."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=150, color_system=None)
    monkeypatch.setattr("rich.progress.get_console", lambda: console)
    return screen


def test_the_live_line_of_a_sweep(terminal):
    progress = Progress(30, found=2, done=7, running=4, failed=1, stopped=3, begun=time.monotonic() - 50)
    progress.best, progress.measure = Entry({}, 0, {"test_accuracy": 0.9}), "test_accuracy"
    with _live_line() as show:
        show(progress)
    assert (
        "7 of 30 done, 4 running, 1 failed, 3 stopped early, best test accuracy 90.00%, about 4 minutes left"
        in terminal.getvalue()
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "which scenario?"),
        (("xor",), "nothing varies"),
        (("xor", "--seeds", 2, "--random", 3, "--sobol", 3), "two ways to choose points"),
        (("xor", "--seeds", 2, "--shard", "4/3"), "'4/3' is not a part such as 3/10"),
        (("optimizers", "--seeds", 2), "is several networks, and a sweep varies one"),
        (("xor", "--over", "lr=1,2"), "no trial can be trained; the first one: override lr=1: lr: unknown key"),
        (("xor", "--over", "optimizer.lr="), "--over optimizer.lr=: expected KEY.PATH=VALUES"),
    ],
)
def test_what_is_wrong_is_said(neurosim, words, said):
    done = neurosim("sweep", *words)
    assert (done.code, said in done.err) == (2, True), done.err


def test_one_network_and_why_another_was_refused(neurosim):
    done = neurosim("sweep", "xor", "--over", "optimizer.lr=0.1,-1", "--set", "training.epochs=1", "--set", "expect={}")
    assert done.code == 0
    assert "In full: override optimizer.lr=-1: optimizer.lr: expected a learning rate of at least 0, not -1" in done.out
    # What was refused has no folder.
    assert neurosim("rank", "runs/xor-sweep").out.startswith("1 network, the best train accuracy first")


def test_what_cannot_be_ranked(neurosim, tmp_path):
    assert "which runs?" in neurosim("rank").err
    (tmp_path / "empty").mkdir()
    # A run of many seeds has no network of its own.
    settings = ("--set", "training.epochs=2", "--no-report", "--quiet")
    assert neurosim("run", "xor", "--seeds", 2, *settings, "--out", "empty/many").code == 0
    done = neurosim("rank", "empty")
    assert (done.code, "has no run that has ended" in done.err) == (3, True)
