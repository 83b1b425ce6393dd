"""``neurosim bench``."""

import json
from itertools import pairwise

import pytest


def test_json_is_one_object_with_everything(neurosim):
    done = neurosim("bench", "--quick", "--json", "--threads", "2")
    assert done.code == 0
    assert done.err == ""
    report = json.loads(done.out)
    assert set(report) == {
        "backend",
        "threads",
        "quick",
        "machine",
        "widths",
        "batch",
        "rows",
        "rounds",
        "flops_per_sample",
        "peak",
        "compilation",
        "agreement",
        "training",
        "beside",
        "products",
        "kernels",
        "seconds",
        "unsteady",
    }
    assert (report["backend"], report["threads"], report["quick"]) == ("cpu", 2, True)
    assert set(report["machine"]) == {"system", "processors", "python", "numpy"}
    assert [entry["threads"] for entry in report["peak"]] == [1, 2]
    assert set(report["compilation"]) == {"seconds", "cold"}
    agreement = report["agreement"]
    assert max(agreement[name] for name in ("loss", "gradients", "loss_after_update")) <= agreement["tolerance"]
    ways = report["training"]
    assert [way["name"] for way in ways] == ["naive", "numpy", "compiled", "compiled_threads"]
    assert [way["name"] for way in report["beside"]] == ["numpy_threads"]
    for before, way in pairwise(ways):
        assert way["over_previous"] == pytest.approx(way["samples_per_second"] / before["samples_per_second"])
        assert way["over_naive"] == pytest.approx(way["samples_per_second"] / ways[0]["samples_per_second"])
        assert way["gflops"] == pytest.approx(way["samples_per_second"] * report["flops_per_sample"] / 1e9)
    assert ways[0]["over_previous"] is None
    assert [entry["name"] for entry in report["products"]] == ["forward", "weight_gradients", "input_gradients", "all"]
    assert [entry["name"] for entry in report["kernels"]] == ["relu", "tanh", "sigmoid", "gelu", "adam"]


def test_text_explains_every_line(neurosim):
    done = neurosim("bench", "--quick", "--threads", "1")
    assert done.code == 0
    for words in (
        "plain Python, 1 thread:",
        "NumPy, 1 thread:",
        "neurosim, 1 thread:",
        "extrapolated",
        "compiling",
        "not part of any time below",
        "; 1e-04 allowed)",
        "Adam, each parameter",
    ):
        assert words in done.out
    assert "2 threads" not in done.out
    assert max(len(line) for line in done.out.splitlines()) <= 120


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--backend", "reference"), "nothing to measure"),
        (("--backend", "abacus"), "abacus"),
        (("--threads", "0"), "--threads"),
    ],
)
def test_what_cannot_be_measured(neurosim, arguments, words):
    done = neurosim("bench", *arguments, "--json")
    assert done.code == 2
    assert done.out == ""
    assert words in done.err


def test_disagreement_prints_no_times(neurosim, monkeypatch):
    from neurosim.bench import training

    monkeypatch.setattr(training.check, "__defaults__", (0.0,))
    done = neurosim("bench", "--quick", "--threads", "1")
    assert done.code == 2
    assert done.out == ""
    assert "nothing was timed" in done.err
