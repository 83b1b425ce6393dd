"""``neurosim plot``: pictures and films of runs, sheets of activations, and what goes wrong."""

import pytest

SWISH = """
from neurosim import Activation, hookimpl

def bump(z):
    return z / (1.0 + z * z)

@hookimpl
def neurosim_activations():
    return [Activation("bump", bump)]
"""


@pytest.fixture
def run(once):
    once("r", "moons", "--set", "training.epochs=3", "--set", "expect={}", "--set", "plots.pictures=[]")
    return "r"


def test_all_that_a_run_has_what_for(neurosim, run, tmp_path):
    done = neurosim("plot", run)
    assert done.code == 0
    names = {line.split("/")[-1] for line in done.out.splitlines()}
    assert names >= {"learning_curves.png", "decision_boundary.png", "unit_maps.png", "loss_surface.png"}
    assert all((tmp_path / run / name).is_file() for name in names)
    assert "no filters: the network has no convolutions" in done.err
    assert "not recorded, so not drawn: gradient_norm, weight_norm" in done.err
    assert 'record.quantities=["parameters", "gradient_norm"' in done.err


def test_one_picture_elsewhere_that_can_be_scaled(neurosim, run, tmp_path):
    done = neurosim("plot", run, "--only", "confusion_matrix", "--format", "svg", "--out", "here/there")
    assert done.code == 0
    # Of a run with a change there is one word on the lesson, and no other.
    assert done.err == "You changed training.epochs: the lesson speaks of the scenario as it was written.\n"
    assert done.out == "here/there/confusion_matrix.svg\n"
    assert "answer of the network</text>" in (tmp_path / "here/there/confusion_matrix.svg").read_text()


def test_a_film(neurosim, run, tmp_path):
    done = neurosim("plot", run, "--animate", "boundary")
    assert (done.code, done.out) == (0, "r/boundary.gif\n")
    assert (tmp_path / "r" / "boundary.gif").read_bytes().startswith(b"GIF89a")


def test_two_runs_have_a_folder_each(neurosim, run, tmp_path):
    neurosim("run", "xor", "--quiet", "--no-report", "--out", "s", "--set", "plots.pictures=[]")
    done = neurosim("plot", "r", "s", "--only", "learning_curves", "--out", "both")
    assert done.code == 0
    assert done.out.splitlines() == ["both/r/learning_curves.png", "both/s/learning_curves.png"]


def test_a_study(neurosim, tmp_path):
    neurosim(
        "run",
        "optimizers",
        "--quiet",
        "--no-report",
        "--out",
        "o",
        "--set",
        "training.epochs=3",
        "--set",
        "scenario.repeats=1",
    )
    done = neurosim("plot", "o", "--out", "p")
    assert done.code == 0
    assert {"p/comparison.png", "p/loss_surface.png"} <= set(done.out.splitlines())
    refused = neurosim("plot", "o", "--only", "filters")
    assert refused.code == 2
    assert "o/members/sgd" in refused.err


def test_all_activations_or_those_named(neurosim, tmp_path):
    (tmp_path / "bump.py").write_text(SWISH)
    done = neurosim("plot", "--activations", "--plugin", "bump.py")
    assert (done.code, done.out) == (0, "activations.png\n")
    assert "no softmax: it is a function of a whole row" in done.err
    named = neurosim("plot", "--activations", "gelu", "bump", "--plugin", "bump.py", "--out", "a", "--format", "svg")
    assert named.out.splitlines() == ["a/gelu.svg", "a/bump.svg"]


@pytest.mark.parametrize(
    ("code", "words", "message"),
    [
        (2, (), "which run? Try: neurosim plot last"),
        (3, ("nothing",), "there is no such run folder"),
        (2, ("r", "--only", "filtres"), 'did you mean "filters"?'),
        (2, ("r", "--only", "filters"), "no picture filters of r: the network has no convolutions"),
        (2, ("r", "--only", "dead"), 'it was not recorded: add "dead"'),
        (2, ("r", "--animate", "gradients"), "no film of the gradients of r: it was not recorded"),
        (2, ("r", "--format", "gif"), "--format gif goes with --animate"),
        (2, ("r", "--animate", "boundary", "--format", "png"), "--format png goes without --animate"),
        (2, ("--activations", "gellu"), 'did you mean "gelu"?'),
    ],
)
def test_mistakes(neurosim, run, code, words, message):
    done = neurosim("plot", *words)
    assert done.code == code
    assert message in done.err
    assert "Traceback" not in done.err


def test_mp4_needs_ffmpeg(neurosim, run, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    done = neurosim("plot", run, "--animate", "boundary", "--format", "mp4")
    assert done.code == 2
    assert "ffmpeg, which writes MP4, is not installed" in done.err
    assert "for a GIF" in done.err


def test_a_picture_that_a_scenario_asks_for_in_vain_is_no_failure(neurosim):
    done = neurosim("run", "xor", "--set", 'plots.pictures=["filters","learning_curves"]')
    assert done.code == 0
    assert "No picture filters: the network has no convolutions" in done.err
    assert "Pictures: learning_curves.png" in done.out
