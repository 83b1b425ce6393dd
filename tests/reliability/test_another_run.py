"""No run is gone on with as something else: of every kind, whatever has changed, whenever it was stopped.

It is refused before anything is written; or nothing was trained before, and all that it leaves is of one identity.
"""

import contextlib
import itertools
import json
import os
import platform
import shutil
import subprocess
import sys

import pytest
from small_runs import PLUGIN, ROWS, SCENARIO

import neurosim
from neurosim.errors import DataError, UsageError
from neurosim.files.sealed import seal, unseal
from neurosim.report.comparison import compare
from neurosim.runs import RunOptions, StudyObserver, identity, run_ensemble
from neurosim.runs.checkpoint import newest
from neurosim.runs.identity import Identity
from neurosim.runs.replay import read_origin, run_replay
from neurosim.runs.seeds import many_seeds, read_ensemble

VARIANTS = """
[[variants]]
name = "wide"
"network.layers.0.units" = 3
[[variants]]
name = "narrow"
"network.layers.0.units" = 1
"""
KINDS = {"single": SCENARIO, "replay": SCENARIO, "many seeds": SCENARIO, "variants": SCENARIO + VARIANTS,
         "repeats": SCENARIO.replace("seed = 3", "seed = 3\nrepeats = 2")}  # fmt: skip
MOMENTS = [
    (kind, when) for kind in KINDS for when in ("before", "within", "after") if (kind, when) != ("many seeds", "before")
]
# What is changed, and a word of what is said of it.
CHANGES = {"lr": "+lr = 0.9", "seed": "seed", "rows": "training rows", "plugin": "plugin twice",
           "version": "neurosim: ", "arithmetic": "BLAS: "}  # fmt: skip
SCENARIO_CHANGES = {"lr": ("optimizer.lr", 0.9), "seed": ("scenario.seed", 4)}
ONLY_BITS = ("version", "arithmetic")


class Stop(StudyObserver):
    """Ctrl-C: before training, after its first epoch, or after the first network of several."""

    def __init__(self, when, kind):
        self.when, self.kind, self.shares = when, kind, 0

    def started(self, simulator):
        if self.when == "before":
            raise KeyboardInterrupt

    def planned(self, members, epochs):
        self.started(None)

    def epoch(self, record):
        if self.when == "within":
            raise KeyboardInterrupt

    def share(self, done):
        if self.kind == "many seeds":
            self.epoch(None)

    def finished(self, member, result):
        if self.when == "within":
            raise KeyboardInterrupt


class World:
    """Runs of every kind in one place, each as it was when it was stopped; `at` gives a copy of one."""

    def __init__(self, place):
        self.place, self.copies = place, itertools.count()
        self.rows, self.plugin = place / "rows.csv", place / "twice.py"
        self.rows.write_text(ROWS)
        self.plugin.write_text(PLUGIN)
        for kind, text in KINDS.items():
            (place / f"{kind}.toml").write_text(text)
        neurosim.run(self.scenario("single"), backend="reference", out=place / "origin")

    def scenario(self, kind, **overrides):
        return neurosim.load_scenario(self.place / f"{kind}.toml", overrides=overrides, plugins=[self.plugin])

    def stopped(self, kind, when):
        folder = self.place / "stopped" / f"{kind}-{when}"
        if not folder.exists():
            with contextlib.nullcontext() if when == "after" else pytest.raises(KeyboardInterrupt):
                self.train(kind, self.scenario(kind), out=folder, observer=Stop(when, kind))
        return folder

    def at(self, kind, when):
        folder = self.place / "copies" / str(next(self.copies))
        shutil.copytree(self.stopped(kind, when), folder)
        return folder

    def train(self, kind, scenario, *, out=None, resume=None, force=False, observer=None):
        how = {"backend": "reference", "out": out, "resume": resume, "force": force, "observer": observer}
        if kind in ("variants", "repeats"):
            return neurosim.study(scenario, **how)
        if kind == "many seeds" and resume is not None and many_seeds(resume).finished:
            return read_ensemble(resume, scenario, many_seeds(resume))
        if kind == "many seeds":
            ensemble = neurosim.Ensemble(scenario, 3, "reference")
            return run_ensemble(ensemble, out or resume, observer, resume=resume is not None, force=force)
        if kind == "replay" and resume is None:
            origin = read_origin(self.place / "origin", scenario.registry)
            return run_replay(origin, ("epoch", 1), {"optimizer.lr": 0.02}, RunOptions(out=out, observer=observer))
        return neurosim.run(scenario, **how)

    @contextlib.contextmanager
    def changed(self, change, monkeypatch):
        """Within this the rows, the plugin, the version or the processor are others."""
        with monkeypatch.context() as during:
            if change == "rows":
                self.rows.write_text(ROWS.translate(str.maketrans({"y": "n", "n": "y"})).replace("noe", "no"))
            if change == "plugin":
                self.plugin.write_text(PLUGIN.replace("2.0", "1.5"))
            if change == "version":
                during.setattr(identity, "__version__", "99.0")
            if change == "arithmetic":
                during.setattr(identity, "arithmetic_of", lambda backend: {"BLAS": "of another processor"})
            try:
                yield
            finally:
                self.rows.write_text(ROWS)
                self.plugin.write_text(PLUGIN)

    def go_on(self, kind, folder, change, how, *, force=False):
        """Resume with the change: of a scenario by naming a changed one, or in the folder by editing its own."""
        overrides = dict([SCENARIO_CHANGES[change]]) if change in SCENARIO_CHANGES and how == "named" else {}
        if kind == "replay" and "optimizer.lr" not in overrides:
            overrides["optimizer.lr"] = 0.02
        if how == "edited" and change in SCENARIO_CHANGES:
            key, value = SCENARIO_CHANGES[change]
            name = key.partition(".")[2]
            lines = (folder / "scenario.toml").read_text().splitlines()
            edited = [f"{name} = {value}" if line.startswith(f"{name} = ") else line for line in lines]
            assert edited != lines
            (folder / "scenario.toml").write_text("\n".join(edited) + "\n")
        if how == "edited":
            scenario = neurosim.load_scenario(folder / "scenario.toml", plugins=[self.plugin], own=True)
        else:
            scenario = self.scenario(kind, **overrides)
        before = content(folder)
        try:
            return self.train(kind, scenario, resume=folder, force=force)
        except UsageError:
            assert content(folder) == before, "a refused start has changed the folder"
            raise


def content(folder):
    """All that is in a folder, with its bytes."""
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def identities(folder):
    """What every summary and model below a folder belongs to."""
    for path in folder.rglob("summary.json"):
        written = json.loads(path.read_text())
        for entry in [written] if "identity" in written else written["runs"]:
            yield Identity.from_json(entry["identity"])
    for path in folder.rglob("model.safetensors"):
        yield Identity.from_json(unseal(path, "model")[1]["identity"])


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("world"))


# The others run with continuous integration only.
SHORT = [("single", "within", "edited"), ("variants", "within", "edited")]
CASES = [
    pytest.param(kind, when, how, change, marks=() if (kind, when, how) in SHORT else pytest.mark.ci)
    for kind, when in MOMENTS
    for how in ("named", "edited")
    for change in CHANGES
]


@pytest.mark.parametrize(("kind", "when", "how", "change"), CASES)
def test_a_changed_run_is_refused_or_one(world, kind, when, how, change, monkeypatch):
    folder = world.at(kind, when)
    # A replay has a checkpoint at its fork, before it is trained; of many seeds the identity is kept and nothing else.
    trained = when != "before" or kind == "replay"
    refused = trained and not (when == "after" and change in ONLY_BITS)
    refused = refused or (how == "named" and change in SCENARIO_CHANGES)
    with world.changed(change, monkeypatch):
        if refused:
            with pytest.raises(UsageError) as caught:
                world.go_on(kind, folder, change, how)
            assert CHANGES[change] in caught.value.message
        else:
            world.go_on(kind, folder, change, how)
            found = list(identities(folder))
            assert found
            assert len({json.dumps({**one.as_json(), "scenario": ""}) for one in found}) == 1


@pytest.mark.parametrize(
    ("kind", "when", "change"),
    [
        pytest.param(kind, when, change, marks=() if kind == "variants" and when == "within" else pytest.mark.ci)
        for kind, when in MOMENTS
        for change in CHANGES
        if when != "before"
    ],
)
def test_force_changes_nothing_that_is_trained_to_its_end(world, kind, when, change, monkeypatch):
    folder = world.at(kind, when)
    several = kind in ("variants", "repeats")
    # With other seeds the network that is trained is none of them.
    ended = when == "after" or (several and (kind, change) != ("repeats", "seed"))
    another_seed = change == "seed" and kind in ("single", "replay")
    with world.changed(change, monkeypatch):
        if (ended and change not in ONLY_BITS) or another_seed:
            with pytest.raises(UsageError) as caught:
                world.go_on(kind, folder, change, "edited", force=True)
            assert CHANGES[change] in caught.value.message
            return
        found = world.go_on(kind, folder, change, "edited", force=True)
    if kind in ("single", "replay") and when == "within":
        epochs = "epoch 1 was" if kind == "single" else "epochs 1 to 2 were"
        assert found.mixed.startswith(f"{epochs} trained differently (")
        assert CHANGES[change] in found.mixed
        assert found.remarks["mixed"] == found.mixed
        assert json.loads((folder / "summary.json").read_text())["mixed"] == found.mixed
    if ended and when == "within":
        # The first network is what it was, and the table says so.
        assert len({json.dumps(one.as_json()["versions"] | one.as_json()["arithmetic"])
                    for one in identities(folder)}) == 2  # fmt: skip
        words = "versions: neurosim" if change == "version" else "the same kind of processor: BLAS"
        assert any(words in remark for remark in compare(found.results, of_one_study=True).remarks)


OCCUPIED = {
    "a study": ("variants", "within", "a study that was interrupted"),
    "many seeds": ("many seeds", "within", "a run of many seeds that was interrupted"),
    "an interrupted run": ("single", "within", "a run that was interrupted"),
    "a finished run": ("single", "after", "already holds a finished run"),
    "another scenario": ("repeats", "before", "scenario.toml is a different scenario from the one to run"),
}


@pytest.mark.parametrize("there", OCCUPIED)
@pytest.mark.parametrize("kind", ["single", *(pytest.param(kind, marks=pytest.mark.ci) for kind in (
    "many seeds", "variants", "replay"))])  # fmt: skip
def test_no_run_is_begun_where_another_is(world, kind, there):
    folder = world.at(*OCCUPIED[there][:2])
    before = content(folder)
    with pytest.raises(DataError, match=OCCUPIED[there][2]):
        world.train(kind, world.scenario(kind), out=folder)
    assert content(folder) == before


@pytest.mark.parametrize("kind", ["variants", pytest.param("single", marks=pytest.mark.ci)])
def test_a_network_of_an_older_version_says_so(world, kind):
    folder = world.at(kind, "within" if kind == "variants" else "after")
    if kind == "variants":
        # Its second network has not begun.
        shutil.rmtree(folder / "members" / "narrow", ignore_errors=True)
    for path in folder.rglob("model.safetensors"):
        arrays, words = unseal(path, "model")
        path.write_bytes(seal(arrays, {**words, "format": "neurosim-model-4"}))
    before = content(folder)
    with pytest.raises(DataError, match=r"is not a model of this version: its format is 'neurosim-model-4'"):
        world.go_on(kind, folder, None, "edited")
    assert content(folder) == before


def test_a_checkpoint_of_an_older_version_says_so(world):
    folder = world.at("single", "within")
    path = newest(folder)
    arrays, words = unseal(path, "checkpoint")
    path.write_bytes(seal(arrays, {**words, "format": "neurosim-checkpoint-5"}))
    before = content(folder)
    with pytest.raises(DataError, match=r"of an older version of neurosim \(neurosim-checkpoint-5\)"):
        world.go_on("single", folder, None, "edited")
    assert content(folder) == before


@pytest.mark.ci
@pytest.mark.skipif(platform.machine() != "x86_64", reason="names kernels for x86")
def test_another_kind_of_processor_is_refused_and_shown(world):
    folder = world.at("variants", "within")
    before = content(folder)

    def resumed(*more):
        words = [sys.executable, "-m", "neurosim", "run", "--resume", folder, "--plugin", world.plugin, "--no-report"]
        there = {**os.environ, "OPENBLAS_CORETYPE": "Sandybridge"}
        return subprocess.run([*words, *more], env=there, capture_output=True, text=True)

    refused = resumed()
    assert refused.returncode == 2
    assert "(Sandybridge), which may change the last bits" in refused.stderr
    assert content(folder) == before
    done = resumed("--force")
    assert done.returncode == 0, done.stderr
    assert "Not all were trained on the same kind of processor: BLAS " in done.stdout
