"""What cannot be promised is said before training, with its place."""

import warnings

import pytest

import neurosim
from neurosim.cli.application import execute
from neurosim.runs import run_ensemble
from neurosim.training.ensemble import Ensemble

TEXT = """\
[scenario]
name = "mine"
title = "t"
[data]
source = "{source}"
[network]
loss = "{loss}"
[[network.layers]]
kind = "dense"
units = 1
activation = "{activation}"
[optimizer]
name = "adam"
[training]
epochs = 2
[record]
quantities = ["weight_norm"]
every = 2
{promises}
"""
CLASSES = {"source": "xor", "loss": "binary_cross_entropy", "activation": "sigmoid"}
VALUES = {"source": "sine", "loss": "mse", "activation": "identity"}
CLAIM = '[[claims]]\nmeasure = "{}"\nat_least = 0.0\n{}\n'
CASES = [
    (
        CLASSES,
        "[expect]\ntest_accuracy = { at_least = 0.5 }",
        "20:1: expect.test_accuracy cannot be kept: the data have no test rows",
    ),
    (
        CLASSES,
        "[expect]\ntrain_rmse = { at_most = 5 }",
        "20:1: expect.train_rmse cannot be kept: the targets are classes",
    ),
    (
        VALUES,
        "[expect]\ntrain_accuracy = { at_most = 1 }",
        "20:1: expect.train_accuracy cannot be kept: the targets are values",
    ),
    (CLASSES, CLAIM.format("train_loss", "epoch = 3"), "22:1: claims.0.epoch cannot be kept: epoch 3 never comes"),
    (
        CLASSES,
        CLAIM.format("weight_norm", 'epoch = 5\nlayer = "first"'),
        "22:1: claims.0.epoch cannot be kept: epoch 5 never comes",
    ),
    (
        CLASSES,
        CLAIM.format("weight_norm", 'epoch = 1\nlayer = "first"'),
        "22:1: claims.0.epoch cannot be kept: nothing is recorded",
    ),
    (CLASSES, CLAIM.format("test_loss", ""), "20:1: claims.0.measure cannot be kept: the data have no test rows"),
    (
        CLASSES,
        CLAIM.format("train_r2", ""),
        "20:1: claims.0.measure cannot be kept: the targets are classes, which have no R²",
    ),
]


def written(folder, kind, promises):
    path = folder / "mine.toml"
    path.write_text(TEXT.format(**kind, promises=promises), encoding="utf-8")
    return path


@pytest.mark.parametrize(("kind", "promises", "words"), CASES)
def test_what_cannot_be_kept_is_said_before_training(tmp_path, kind, promises, words):
    said = []
    with pytest.warns(UserWarning, match="mine.toml:") as found:
        neurosim.run(
            written(tmp_path, kind, promises), backend="reference", observer=lambda _: said.append(len(found.list))
        )
    assert len(found) == 1
    assert words in str(found[0].message)
    assert "mine.toml:" in str(found[0].message)
    assert said == [1, 1]


@pytest.mark.parametrize(
    ("kind", "promises"),
    [
        (CLASSES, "[expect]\ntrain_accuracy = { at_least = 0.0 }\ntrain_loss = { at_most = 9 }"),
        (VALUES, "[expect]\ntrain_r2 = { at_most = 1 }\ntrain_rmse = { at_most = 9 }"),
        (CLASSES, CLAIM.format("weight_norm", 'epoch = 2\nlayer = "first"')),
        (CLASSES, CLAIM.format("weight_norm", 'epoch = 0\nlayer = "first"')),
        (CLASSES, CLAIM.format("train_loss", "epoch = 1")),
    ],
)
def test_nothing_is_said_of_what_can_be_kept(tmp_path, kind, promises):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        neurosim.run(written(tmp_path, kind, promises), backend="reference")


def test_of_a_study_the_epochs_of_each_variant_count(tmp_path):
    variants = '[[variants]]\nname = "short"\n[[variants]]\nname = "long"\ntraining.epochs = 4\n'
    of_one, between = (CLAIM.format("train_loss", words) for words in ('epoch = 3\nof = "{}"', "epoch = 3"))
    path = written(tmp_path, CLASSES, of_one.format("long") + variants)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        neurosim.study(path, backend="reference")
    with pytest.warns(UserWarning, match="mine.toml:") as found:
        neurosim.study(written(tmp_path, CLASSES, between + variants), backend="reference")
    assert [str(warning.message).partition(": claims")[2] for warning in found] == [
        ".0.epoch of short cannot be kept: epoch 3 never comes, as training.epochs is 2"
    ]


def test_of_many_seeds_and_on_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, CLASSES, "[expect]\ntest_accuracy = { at_least = 0.5 }")
    with pytest.warns(UserWarning, match="no test rows"):
        run_ensemble(Ensemble(path, 2, "reference"), tmp_path / "many")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert execute(["run", str(path), "--backend", "reference", "--no-report", "--out", "one"]) == 5
    err = capsys.readouterr().err
    assert err.startswith("Warning: ")
    assert "data.test_fraction sets some aside" in err.splitlines()[0]
