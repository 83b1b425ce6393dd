"""A scenario reads no files of its own choice; what the user names himself, and the runs he has made, go on working."""

import shlex
import tomllib
from pathlib import Path

import pytest

from neurosim import load_scenario, run, study
from neurosim.errors import UsageError
from neurosim.runs import Observer

SCENARIO = """
[scenario]
name = "rows"
title = "Rows"
[data]
source = "csv"
file = "{file}"
target = "label"
[network]
loss = "binary_cross_entropy"
[[network.layers]]
kind = "dense"
units = 1
activation = "sigmoid"
[optimizer]
name = "adam"
lr = 0.1
[training]
epochs = 3
"""
VARIANTS = """
[[variants]]
name = "one"
[[variants]]
name = "other"
"data.file" = "{file}"
"""


@pytest.fixture
def files(tmp_path, neurosim):
    """Rows of the user, and a scenario from somewhere that wants them."""
    for name in ("mine", "theirs"):
        (tmp_path / name).mkdir()
        rows = "x,label\n" + "".join(f"{k / 10},{'low' if k < 10 else 'high'}\n" for k in range(20))
        (tmp_path / name / "rows.csv").write_text(rows)
    (tmp_path / "theirs/good.toml").write_text(SCENARIO.format(file="rows.csv"))
    (tmp_path / "theirs/bad.toml").write_text(SCENARIO.format(file="../mine/rows.csv"))
    (tmp_path / "theirs/worse.toml").write_text(
        SCENARIO.format(file="rows.csv") + VARIANTS.format(file=tmp_path / "mine/rows.csv")
    )
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        "run theirs/bad.toml --out new",
        "run theirs/bad.toml --seeds 2 --out new",
        "run theirs/worse.toml --out new",
        "run theirs/worse.toml --variant other --out new",
        "explain theirs/bad.toml",
        "explain theirs/worse.toml --variant other",
        "info theirs/bad.toml",
    ],
)
def test_what_lies_elsewhere_is_not_read(neurosim, files, words):
    refused = neurosim(*words.split())
    assert refused.code == 2
    assert "rows.csv lies outside of the scenario's folder" in refused.err
    setting, folder = f"--set data.file={files}/mine/rows.csv", f"--data-dir {files}/mine"
    assert setting in refused.err
    assert folder in refused.err
    for way in (setting, folder):
        done = neurosim(*words.split(), *way.split())
        assert done.code == 0, done.err
        for path in sorted(Path("new").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()


@pytest.mark.parametrize(("file", "fault"), [("loop", "cannot be read"), ("a\\u0000b", "embedded null byte")])
def test_a_variant_of_no_file_at_all(neurosim, files, file, fault):
    (files / "theirs/loop").symlink_to(files / "theirs/loop")
    (files / "theirs/odd.toml").write_text(SCENARIO.format(file="rows.csv") + VARIANTS.format(file=file))
    refused = neurosim("run", "theirs/odd.toml", "--out", "new")
    assert (refused.code, fault in refused.err) == (3, True), refused.err


def test_a_variant_can_be_given_its_file(neurosim, files):
    (files / "theirs/two.toml").write_text(SCENARIO.format(file="rows.csv") + VARIANTS.format(file="rows.csv"))
    ways = ["--set", f'variants.0.data={{file = "{files}/mine/rows.csv"}}']
    done = neurosim("run", "theirs/two.toml", *ways, "--out", "new")
    assert done.code == 0, done.err


def test_only_data_are_vouched_for(files):
    loaded = load_scenario(files / "theirs/bad.toml", overrides={"scenario.title": "../mine/rows.csv"})
    assert loaded.vouched == frozenset()
    with pytest.raises(UsageError, match="lies outside"):
        run(loaded)


@pytest.mark.parametrize("overrides", [{"data.file": "../mine/rows.csv"}, {"data": {"file": "../mine/rows.csv"}}])
def test_overrides_vouch_for_what_they_name(files, overrides):
    section = {"source": "csv", "target": "label"}
    if "data" in overrides:
        overrides = {"data": overrides["data"] | section}
    assert len(run(files / "theirs/good.toml", overrides=overrides).history) == 3


def test_a_path_on_the_command_line_starts_from_the_working_folder(neurosim, files, monkeypatch):
    monkeypatch.chdir(files / "mine")
    # Beside the scenario there is one, too.
    done = neurosim("run", "../theirs/good.toml", "--set", "data.file=rows.csv", "--out", "here")
    assert done.code == 0, done.err
    used = tomllib.loads(Path("here/scenario.toml").read_text())["data"]["file"]
    assert Path(used).samefile("rows.csv")
    # Without a file of that name it is the scenario's, as in the scenario itself.
    (files / "else").mkdir()
    monkeypatch.chdir(files / "else")
    assert neurosim("run", "../theirs/good.toml", "--set", "data.file=rows.csv", "--out", "there").code == 0
    gone = neurosim("run", "../theirs/good.toml", "--set", "data.file=gone.csv", "--out", "nowhere")
    assert gone.code == 3
    assert f"gone.csv: no such file, neither in the working folder ({files / 'else'})" in gone.err
    assert f"nor in the scenario's ({files / 'theirs'})" in gone.err


class Stop(Observer):
    """As Ctrl-C after the first epoch."""

    def epoch(self, record):
        raise KeyboardInterrupt


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Run folders whose rows lie beside the scenario they are of."""
    home = tmp_path_factory.mktemp("runs")
    rows = "x,label\n" + "".join(f"{k / 10},{'low' if k < 10 else 'high'}\n" for k in range(20))
    (home / "data").mkdir()
    (home / "data/rows.csv").write_text(rows)
    (home / "data/rows.toml").write_text(SCENARIO.format(file="rows.csv"))
    (home / "data/study.toml").write_text(SCENARIO.format(file="rows.csv") + VARIANTS.format(file="rows.csv"))
    for name in ("one", "two"):
        run(home / "data/rows.toml", out=home / name)
    run(home / "data/rows.toml", out=home / "sick", overrides={"optimizer.lr": 1e-9})
    study(home / "data/study.toml", out=home / "study")
    return home


@pytest.mark.parametrize(
    "words",
    [
        "plot {runs}/one --only confusion_matrix --out new",
        "plot {runs}/study --out new",
        "report {runs}/one --out new",
        "doctor {runs}/one --out new",
        "replay {runs}/one --from epoch:1 --set optimizer.lr=0.2 --out new",
        "compare {runs}/one {runs}/two --out new",
        "compare {runs}/study --out new",
    ],
)
def test_commands_on_a_run_read_its_rows(neurosim, runs, words):
    done = neurosim(*words.format(runs=runs).split())
    assert done.code == 0, done.err


@pytest.mark.parametrize("words", ["info {run}", "explain {run}", "run {run} --out new --no-report"])
def test_the_scenario_of_a_run_is_named_by_its_folder(neurosim, runs, words):
    """To name the folder is to say whose run it is; the file in it may be from anybody, and the hint says so."""
    done = neurosim(*words.format(run=runs / "one").split())
    assert done.code == 0, done.err
    refused = neurosim(*words.format(run=runs / "one/scenario.toml").split())
    assert refused.code == 2
    assert f"If this is a run of yours, name its folder, {runs}/one, and not the file in it." in refused.err


@pytest.mark.parametrize("words", ["run --resume {run}", "run {run}/scenario.toml --resume {run}"])
def test_a_run_is_resumed_with_its_rows(neurosim, runs, tmp_path, words):
    with pytest.raises(KeyboardInterrupt):
        run(runs / "data/rows.toml", out=tmp_path / "stopped", observer=Stop())
    done = neurosim(*words.format(run=tmp_path / "stopped").split())
    assert done.code == 0, done.err


def test_a_run_is_resumed_from_python_too(runs, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(runs / "data/rows.toml", out=tmp_path / "stopped", observer=Stop())
    again = tmp_path / "stopped/scenario.toml"
    assert len(run(again, resume=tmp_path / "stopped").history) == 3
    with pytest.raises(UsageError, match="lies outside"):
        run(again)


def test_the_doctors_proof_runs_as_it_is_printed(neurosim, runs):
    found = neurosim("doctor", runs / "sick", "--out", "new")
    (proof,) = (line for line in found.out.splitlines() if "prove it" in line)
    words = shlex.split(proof.partition("neurosim ")[2])
    assert f"data.file={runs}/data/rows.csv" in words
    assert neurosim(*words[:-1], "proof").code == 0
