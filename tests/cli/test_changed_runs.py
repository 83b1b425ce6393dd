"""Runs whose scenario, rows, plugin or model are no longer what they were: each command that reads them says so.

A number of a run is shown only beside what it belongs to; ``--force`` shows it all the same, and says that it mixes.
"""

import contextlib
import json
import shutil
from pathlib import Path

import pytest

import neurosim as library
from neurosim.cli.application import execute
from neurosim.errors import UsageError
from neurosim.files.sealed import seal, unseal
from neurosim.runs.model import FORMAT

SCENARIO = """
[scenario]
name = "own"
title = "Own rows, own activation"
seed = 1
[data]
source = "csv"
file = "rows.csv"
target = "y"
test_fraction = 0.25
[network]
loss = "binary_cross_entropy"
layers = [
  { kind = "dense", units = 3, activation = "wavy" },
  { kind = "dense", units = 2, activation = "tanh" },
  { kind = "dense", units = 1, activation = "sigmoid" },
]
[optimizer]
name = "sgd"
lr = 0.1
[training]
epochs = 3
batch_size = 8
"""
PLUGIN = """
import math
from neurosim import Activation, hookimpl

def wavy(z):
    return math.sin(z)

def slope(z, a):
    return math.cos(z)

@hookimpl
def neurosim_activations():
    return [Activation("wavy", wavy, slope)]
"""
ROWS = "x1,x2,y\n" + "".join(f"{k % 7},{k % 5},{'no' if k < 20 else 'yes'}\n" for k in range(40))
WITH = ["--plugin", "wavy.py"]
QUICK = ["--backend", "reference", "--no-report", "--quiet", *WITH]
DIVERGES = ["--set", "optimizer.lr=1e30", "--set", "network.layers.2.activation=identity", "--set", "network.loss=mse"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a run of each kind, of one small scenario."""
    folder = tmp_path_factory.mktemp("changed")
    with contextlib.chdir(folder):
        Path("own.toml").write_text(SCENARIO)
        Path("rows.csv").write_text(ROWS)
        Path("wavy.py").write_text(PLUGIN)
        Path("new.csv").write_text("x1,x2\n1,2\n3,4\n")
        no_pictures = ["--set", "plots.pictures=[]"]
        for out, code, words in (
            ("run", 0, []),
            ("other", 0, ["--seed", "2"]),
            ("study", 0, ["--set", "scenario.repeats=2"]),
            ("seeds", 0, ["--seeds", "2"]),
            ("failed", 4, DIVERGES),
        ):
            assert execute(["run", "own.toml", "--out", out, *QUICK, *no_pictures, *words]) == code
    return folder


def files(place):
    return {path: path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}


@pytest.fixture
def here(place, monkeypatch, capsys):
    """The command line in that folder, which is put back to what it was."""
    before = files(place)
    monkeypatch.chdir(place)

    def call(*words):
        capsys.readouterr()
        code = execute([str(word) for word in words])
        return code, *capsys.readouterr()

    yield call
    for path, content in files(place).items():
        if path not in before:
            path.unlink()
        elif content != before[path]:
            path.write_bytes(before.get(path, content))
    for path, content in before.items():
        if not path.exists():
            path.write_bytes(content)
    for folder in sorted((path for path in place.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def edit(file, old, new):
    text = Path(file).read_text()
    assert old in text
    Path(file).write_text(text.replace(old, new))


def swap(first, second):
    shutil.move(first, "kept")
    shutil.move(second, first)
    shutil.move("kept", second)


# What is changed, and words of the difference that is shown.
ROWS_CHANGED = (lambda: edit("rows.csv", ",yes", ",maybe"), "rows have changed")
FEWER_ROWS = (lambda: edit("rows.csv", "4,4,yes\n", ""), "rows have changed")
PLUGIN_EDITED = (lambda: edit("wavy.py", "math.sin(z)", "math.sin(z) + 0.0"), "plugin wavy")


def scenario_edited(folder, old, new):
    return lambda: edit(f"{folder}/scenario.toml", old, new), new


def lr(folder):
    return scenario_edited(folder, "lr = 0.1", "lr = 0.25")


def seed(folder):
    return scenario_edited(folder, "seed = 1", "seed = 6")


def activation(folder):
    return scenario_edited(folder, '"tanh"', '"sigmoid"')


def units(folder):
    return scenario_edited(folder, "units = 2", "units = 4")


def model_swapped(first, second):
    return lambda: swap(f"{first}/model.safetensors", f"{second}/model.safetensors"), "model.safetensors"


def history_of_another(folder, other):
    return lambda: swap(f"{folder}/metrics.jsonl", f"{other}/metrics.jsonl"), "metrics.jsonl: not the file"


PLOT = ["plot", "run", *WITH]
REPORT = ["report", "run", *WITH]
DOCTOR = ["doctor", "run", "--no-trials", *WITH]
COMPARE = ["compare", "other", "run", *WITH]
REPLAY = ["replay", "run", "--from", "epoch:1", *WITH]
EXPLAIN = ["explain", "run", *WITH]
PREDICT = ["predict", "run", "--data", "new.csv", *WITH]
OF_RUN = [PLOT, REPORT, DOCTOR, COMPARE, REPLAY]
OF_STUDY = [
    ["plot", "study", *WITH],
    ["report", "study", *WITH],
    ["doctor", "study", "--no-trials", *WITH],
    ["compare", "study", *WITH],
]
OF_MEMBER = [["plot", "study/members/seed-2", *WITH], ["predict", "study/members/seed-2", "--data", "new.csv", *WITH]]
OF_FAILED = [
    ["doctor", "failed", "--no-trials", *WITH],
    ["replay", "failed", "--from", "0", *WITH],
    ["explain", "failed", *WITH],
]
MEMBER = "study/members/seed-2"


def cases():
    """(words of a command, what is changed, words of the difference)."""
    of_run = [ROWS_CHANGED, FEWER_ROWS, PLUGIN_EDITED, lr("run"), seed("run"), activation("run"), units("run")]
    for words in [*OF_RUN, EXPLAIN]:
        yield from ((words, *change) for change in of_run)
    swapped = model_swapped("run", "other")
    for words in OF_RUN:
        yield from ((words, *change) for change in (swapped, history_of_another("run", "other")))
    yield from ((PREDICT, *change) for change in (swapped, PLUGIN_EDITED))
    of_study = [
        ROWS_CHANGED,
        PLUGIN_EDITED,
        lr("study"),
        activation(MEMBER),
        model_swapped(MEMBER, "study/members/seed-1"),
        (lambda: swap(f"{MEMBER}", "study/members/seed-1"), "seed = 2"),
    ]
    for words in OF_STUDY:
        yield from ((words, *change) for change in of_study)
    yield from ((["explain", "study", *WITH], *change) for change in of_study[:3])
    yield from ((words, *model_swapped(MEMBER, "study/members/seed-1")) for words in OF_MEMBER)
    of_seeds = [ROWS_CHANGED, PLUGIN_EDITED, lr("seeds")]
    yield from ((["explain", "seeds", *WITH], *change) for change in of_seeds)
    of_failed = [ROWS_CHANGED, PLUGIN_EDITED, scenario_edited("failed", "units = 3", "units = 5")]
    for words in OF_FAILED:
        yield from ((words, *change) for change in of_failed)


def some_of(all_cases):
    """Each command once and each change once; the others are left to ``-m ci``."""
    commands, changes = set(), set()
    for words, change, difference in all_cases:
        command, what = tuple(words[:2]), (words[1], difference)
        first = command not in commands or what not in changes
        commands.add(command)
        changes.add(what)
        yield pytest.param(words, change, difference, marks=() if first else pytest.mark.ci)


@pytest.mark.parametrize(("words", "change", "difference"), list(some_of(cases())))
def test_every_change_is_refused_before_anything_is_written(words, change, difference, here, place):
    change()
    changed = files(place)
    code, out, err = here(*words)
    assert (code, out) == (2, ""), err
    assert " has changed since it was trained" in err.splitlines()[0], err
    assert difference in err
    assert "--force" in err
    assert files(place) == changed


@pytest.mark.parametrize("words", [*OF_RUN, EXPLAIN, *OF_STUDY, *OF_FAILED])
def test_rows_that_are_gone(words, here, place):
    Path("rows.csv").unlink()
    before = files(place)
    code, out, err = here(*words)
    assert (code, out) == (3, "")
    assert err.startswith(f"Error: {place / 'rows.csv'}: there is no such file any more, and the run in ")
    assert "if it has only moved, write where it is now into " in err
    assert files(place) == before


@pytest.mark.parametrize("words", [*OF_RUN, EXPLAIN, PREDICT, *OF_STUDY, *OF_FAILED])
def test_a_plugin_that_is_not_there(words, here, place):
    before = files(place)
    code, out, err = here(*words[: words.index("--plugin")])
    assert (code, out) == (2, "")
    assert 'unknown activation "wavy"' in err
    assert "A run that was trained with a plugin needs it again: --plugin FILE.py" in err
    assert files(place) == before


@pytest.mark.ci
def test_rows_that_have_only_moved(here):
    Path("rows.csv").rename("elsewhere.csv")
    Path("elsewhere").mkdir()
    Path("elsewhere.csv").rename("elsewhere/rows.csv")
    edit("run/scenario.toml", "rows.csv", "elsewhere/rows.csv")
    assert here(*DOCTOR)[0] == 0


@pytest.mark.parametrize("change", [ROWS_CHANGED, lr("run"), units("run"), activation("run")])
def test_a_model_answers_whatever_its_scenario_and_its_rows_have_become(change, here):
    change[0]()
    code, out, err = here(*PREDICT)
    assert (code, err) == (0, "")
    assert "mixed" not in out


REMARK = "mixed: the scenario of run has changed since it was trained, so not all of this belongs together\n"


def test_force_shows_it_all_the_same_and_says_so(here, place):
    kept = (place / "run" / "report.html").write_text("the run's own")
    lr("run")[0]()
    for words in ([*PLOT, "--only", "learning_curves"], REPORT, DOCTOR, COMPARE, EXPLAIN):
        code, _, err = here(*words, "--force")
        assert code == 0, err
        assert err.count("mixed") == 1, err
        assert err.endswith(REMARK)
    # What mixes is kept apart from what the run has left.
    assert (place / "run/mixed/learning_curves.png").is_file()
    assert len((place / "run/report.html").read_text()) == kept
    assert f"M{REMARK[1:-1]}." in (place / "run/mixed/report.html").read_text()
    assert f"M{REMARK[1:-1]}." in here(*COMPARE, "--force")[1]
    assert json.loads(here(*DOCTOR, "--force", "--json")[1])[0]["mixed"] == REMARK.removeprefix("mixed: ")[:-1]


def test_force_of_a_study(here, place):
    edit("rows.csv", ",yes", ",maybe")
    remark = "the data of study have changed since it was trained, so not all of this belongs together"
    code, out, err = here("report", "study", *WITH, "--force")
    assert (code, out, err) == (0, "study/mixed/report.html\n", f"mixed: {remark}\n")
    assert (place / "study/mixed/report.html").read_text().count(f"Mixed: {remark}.") == 1


def test_force_of_a_prediction(here):
    PLUGIN_EDITED[0]()
    code, out, err = here(*PREDICT, "--force", "--json")
    assert code == 0
    assert err == "mixed: the plugins of run have changed since it was trained, so not all of this belongs together\n"
    assert f"mixed: {json.loads(out)['mixed']}\n" == err


@pytest.mark.ci
def test_force_of_a_replay(here, place):
    """From its start it can be replayed with anything; later its past must be what it was."""
    lr("run")[0]()
    code, out, err = here(*REPLAY, "--force", "--out", "late")
    assert code == 3
    assert "its past cannot be reached" in err
    code, out, err = here("replay", "run", "--from", "0", *WITH, "--force", "--out", "again", "--json")
    assert (code, err) == (0, REMARK)
    assert json.loads(out)["replay"]["mixed"] in REMARK
    assert json.loads(Path("again/replay.json").read_text())["mixed"] in REMARK
    assert f"M{REMARK[1:-1]}." in Path("again/report.html").read_text()


def test_a_run_that_was_gone_on_with_by_force(here, place):
    scenario = library.load_scenario("own.toml", plugins=["wavy.py"], overrides={"plots.pictures": []})

    def stop(record):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        library.run(scenario, backend="reference", out="forced", observer=stop)
    words = ["run", "own.toml", *QUICK, "--resume", "forced", "--set", "optimizer.lr=0.3"]
    assert here(*words)[0] == 2
    assert here(*words, "--force")[0] == 0
    code, out, err = here("report", "forced", *WITH)
    assert (code, out) == (0, "forced/report.html\n")
    assert err.startswith("mixed: epoch 1 was trained differently (scenario: -lr = 0.1; scenario: +lr = 0.3)")
    assert "Mixed: epoch 1 was trained differently (scenario: -lr = 0.1" in (place / "forced/report.html").read_text()


def told(folder, what, **changed):
    """Let the summary and the model of a run tell something else of what it was trained with."""
    summary = json.loads(Path(folder, "summary.json").read_text())
    tensors, words = unseal(Path(folder, "model.safetensors"), "model")
    for file in (summary, words):
        file["identity"][what] |= changed
    if what == "versions":
        summary["versions"] |= changed
    del summary["files_sha256"]
    Path(folder, "summary.json").write_text(json.dumps(summary))
    Path(folder, "model.safetensors").write_bytes(seal(tensors, words))


def test_another_version_is_no_matter_for_what_is_read(here):
    told("run", "versions", neurosim="0.0.1")
    for words in (DOCTOR, EXPLAIN, PREDICT):
        assert here(*words)[::2] == (0, "")
    code, out, err = here(*COMPARE)
    assert (code, err) == (0, "")
    assert "Not all were trained with the same versions: neurosim 0.0.1 and " in out
    # The page tells of the training, not of here and now.
    assert here(*REPORT)[::2] == (0, "")
    assert "<td>neurosim</td><td>0.0.1</td>" in Path("run/report.html").read_text()
    # What is trained again has to be the same to the bit.
    code, _, err = here(*REPLAY)
    assert code == 2
    assert "  neurosim: 0.0.1, now " in err


def older(folder):
    """Make a run one of an older version: its summary says less, and its model has another format."""
    summary = json.loads(Path(folder, "summary.json").read_text())
    del summary["identity"], summary["files_sha256"]
    Path(folder, "summary.json").write_text(json.dumps(summary))
    tensors, words = unseal(Path(folder, "model.safetensors"), "model")
    del words["identity"]
    Path(folder, "model.safetensors").write_bytes(seal(tensors, words | {"format": "neurosim-model-4"}))


UNCHANGED = (lambda: None, "")
RESUME = ["run", "--resume", "run", "--quiet", *WITH]


@pytest.mark.parametrize("change", [UNCHANGED, ROWS_CHANGED, PLUGIN_EDITED, activation("run"), units("run")])
def test_models_of_older_versions_are_refused_whatever_has_changed(change, here, place):
    older("run")
    change[0]()
    before = files(place)
    for words in (PLOT, REPORT, DOCTOR, ["compare", "run", "other", *WITH], REPLAY, PREDICT):
        assert here(*words) == (
            3,
            "",
            "Error: run/model.safetensors is not a model of this version: "
            f"its format is 'neurosim-model-4', not '{FORMAT}'\n"
            "Hint: Train the network again, or use the version of neurosim that wrote the file.\n",
        ), words
    assert files(place) == before


@pytest.mark.parametrize(("change", "difference"), [ROWS_CHANGED, PLUGIN_EDITED])
def test_runs_of_older_versions_are_compared_as_far_as_their_summaries_tell(change, difference, here, place):
    older("run")
    change()
    before = files(place)
    for words, message in (
        (EXPLAIN, "Error: run has changed since it was trained, so its results no longer match what is there now:"),
        (RESUME, "Error: run belongs to a different run from the one to resume:"),
    ):
        code, out, err = here(*words)
        assert (code, out, err.splitlines()[0]) == (2, "", message)
        assert difference in err
    assert files(place) == before


@pytest.mark.parametrize("change", [UNCHANGED, activation("run"), units("run"), lr("run")])
def test_summaries_of_older_versions_do_not_tell_the_scenario(change, here):
    older("run")
    change[0]()
    assert here(*EXPLAIN)[::2] == (0, "")


def test_a_model_beside_the_summary_of_an_older_version(here, place):
    older("run")
    model_swapped("run", "other")[0]()
    before = files(place)
    for words in (PLOT, REPORT, DOCTOR, REPLAY, PREDICT):
        code, out, err = here(*words)
        assert (code, out) == (2, "")
        assert err.splitlines()[:2] == [
            "Error: run has changed since it was trained, so its results no longer match what is there now:",
            "  model.safetensors: written by a different version of neurosim from summary.json beside it",
        ]
    assert files(place) == before


def test_weights_of_a_run_of_the_same_identity(here):
    """Such as one that was gone on with by force."""
    tensors, words = unseal(Path("run/model.safetensors"), "model")
    Path("run/model.safetensors").write_bytes(seal({name: array + 1 for name, array in tensors.items()}, words))
    for command in (DOCTOR, PREDICT):
        code, _, err = here(*command)
        assert code == 2
        assert "\n  model.safetensors: not the file that the run wrote\n" in err


@pytest.mark.parametrize("damage", ["[]", '{"scenario": 1}', "3"])
def test_what_no_run_tells(damage, here):
    summary = json.loads(Path("run/summary.json").read_text()) | {"identity": json.loads(damage)}
    Path("run/summary.json").write_text(json.dumps(summary))
    for words in (DOCTOR, COMPARE, REPLAY, EXPLAIN, PREDICT):
        code, _, err = here(*words)
        assert code == 3
        assert err.startswith("Error: run/summary.json is damaged: ")


@pytest.mark.parametrize("damage", ["null", "[]", '{"scenario": 1}', "3"])
def test_what_no_model_tells(damage, here):
    tensors, description = unseal(Path("run/model.safetensors"), "model")
    identity = {"identity": json.loads(damage)}
    Path("run/model.safetensors").write_bytes(seal(tensors, description | identity))
    for words in (DOCTOR, COMPARE, REPLAY, PREDICT):
        code, out, err = here(*words)
        assert (code, out) == (3, "")
        assert err.startswith("Error: run/model.safetensors does not describe a run: the identity lacks some of its ")


def test_what_two_runs_were_trained_with(here):
    PLUGIN_EDITED[0]()
    assert here("run", "own.toml", *QUICK, "--out", "later", "--set", "plots.pictures=[]")[0] == 0
    code, out, err = here("compare", "run", "later", *WITH)
    assert code == 2
    assert err.startswith("Error: run has changed")
    code, out, _ = here("compare", "run", "later", *WITH, "--force")
    assert code == 0
    assert "Not all were trained with the same plugin wavy: what it does may have changed." in out


FUNCTIONS = {
    "plot": lambda run, **force: library.plot(run, "learning_curves", **force),
    "diagnose": lambda run, **force: library.diagnose(run, trials=False, **force),
    "compare": lambda run, **force: library.compare(run, "other", **force),
    "explain": lambda run, **force: library.explain(run, path=True, **force),
    "write_report": lambda run, **force: library.write_report(run, "page.html", **force),
    "replay": lambda run, **force: library.replay(run, epoch=0, **force),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_refuse_and_warn(name, here, place, monkeypatch):
    monkeypatch.setenv("NEUROSIM_DISABLE_PLUGINS", "0")
    monkeypatch.setenv("NEUROSIM_PLUGINS", "wavy.py")
    lr("run")[0]()
    before = files(place)
    with pytest.raises(UsageError, match="run has changed since it was trained") as caught:
        FUNCTIONS[name]("run")
    assert "force=True" in caught.value.hint
    assert files(place) == before
    with pytest.warns(UserWarning, match=REMARK.strip()) as warned:
        FUNCTIONS[name]("run", force=True)
    assert warned[0].filename == __file__


def test_a_result_whose_rows_have_changed_since_is_not_replayed(here):
    scenario = library.load_scenario("own.toml", plugins=["wavy.py"])
    result = library.run(scenario, backend="reference")
    edit("rows.csv", ",yes", ",maybe")
    with pytest.raises(UsageError, match="training rows have changed"):
        library.replay(result, epoch=1)
    edit("rows.csv", ",maybe", ",yes")
    assert library.replay(result, epoch=1).branch.history.train_loss == result.history.train_loss
