"""``neurosim replay``."""

import json
from pathlib import Path

import pytest

QUICK = ("--set", "training.epochs=3", "--set", "expect={}", "--set", "plots.pictures=[]")


def test_both_futures(neurosim, tmp_path, once):
    once("r", "moons", *QUICK)
    done = neurosim("replay", "r", "--from", "epoch:1", "--set", "optimizer.lr=0.5", "--out", "b")
    assert (done.code, done.err) == (0, "")
    assert "forked after step 10 (epoch 1); 10 of them trained again" in done.out
    assert "changed: optimizer.lr=0.5" in done.out
    assert "Pictures: replay.png, learning_curves.png, decision_boundary.png" in done.out
    assert (tmp_path / "b" / "replay.png").stat().st_size > 10_000
    assert "both futures" in (tmp_path / "b" / "report.html").read_text().lower()
    lines = [json.loads((tmp_path / name / "metrics.jsonl").read_text().splitlines()[0]) for name in "rb"]
    assert lines[0]["test_loss"] == lines[1]["test_loss"]
    assert neurosim("compare", "r", "b").code == 0


def test_another_optimizer_needs_its_name_only(neurosim, once):
    once("r", "moons", *QUICK)
    done = neurosim("replay", "r", "--from", "epoch:1", "--set", "optimizer.name=sgd", "--json")
    assert done.code == 0, done.err
    assert done.err == "optimizer.name=sgd: beta1, beta2, eps belonged to adam and are left out\n"
    scenario = Path(json.loads(done.out)["run_dir"], "scenario.toml").read_text()
    assert 'name = "sgd"' in scenario
    assert "lr = 0.01" in scenario
    assert "beta" not in scenario


def test_json(neurosim, once):
    once("r", "xor", *QUICK)
    done = neurosim("replay", "r", "--from", "2", "--json")
    found = json.loads(done.out)
    assert found["replay"]["step"] == 2
    assert found["epochs"] == 3


@pytest.mark.parametrize(
    ("code", "words", "message"),
    [
        (2, (), "which run? Try: neurosim replay last"),
        (2, ("r",), "from which step? Try:"),
        (2, ("r", "--from", "soon"), "neither a number of steps, such as 120"),
        (2, ("r", "--from", "-3"), "neither a number of steps"),
        (2, ("r", "--from", "9999"), "there is no step 9999: the run did 3 epochs of 1 step"),
        (2, ("r", "--from", "1", "--set", "optimizer.speed=3"), "unknown"),
        (3, ("nothing", "--from", "1"), "there is no such run folder"),
    ],
)
def test_mistakes(neurosim, code, words, message, once):
    once("r", "xor", *QUICK)
    done = neurosim("replay", *words)
    assert done.code == code
    assert message in done.err
    assert "Traceback" not in done.err
