"""What runs of other versions say they were trained with, and what is made of those that say less, or nonsense."""

import json
from pathlib import Path

import pytest
from changed_runs import (
    COMPARE,
    DOCTOR,
    EXPLAIN,
    PLOT,
    PLUGIN_EDITED,
    PREDICT,
    REPLAY,
    REPORT,
    ROWS_CHANGED,
    WITH,
    activation,
    files,
    lr,
    model_swapped,
    units,
)

from neurosim.files.sealed import seal, unseal
from neurosim.runs.model import FORMAT


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
