"""The library speaks of arguments in Python, the command line of its options."""

from pathlib import Path

import pytest

from neurosim.cli.arguments import as_options
from neurosim.printable import arguments, command


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ('Use backend="cpu".', "Use --backend cpu."),
        ("Choose another folder (out=...).", "Choose another folder (--out)."),
        ("With force=True it is read", "With --force it is read"),
        ('data_dir="/my data" or', "--data-dir '/my data' or"),
        ('overrides={"optimizer.lr": 0.1, "network.loss": "mse"}', "--set optimizer.lr=0.1 --set network.loss=mse"),
        ('overrides={"data.features": ["a", "b"]}', """--set 'data.features=["a", "b"]'"""),
        ('plugins=["FILE.py"]', "--plugin FILE.py"),
        ('plugin_folders=["mine"]', "--plugins-dir mine"),
        (
            "override training.epochs=abc: training.epochs: expected",
            "--set training.epochs=abc: training.epochs: expected",
        ),
        ("seed=-1: scenario.seed", "--seed -1: scenario.seed"),
        # Neither settings, nor commands, nor what stands in a file.
        ("set scenario.seed=3 or [data] seed = 4", "set scenario.seed=3 or [data] seed = 4"),
        ("neurosim run --set data.seed=4", "neurosim run --set data.seed=4"),
        ("out={broken", "out={broken"),
    ],
)
def test_arguments_become_options(text, typed):
    assert as_options(text) == typed


def test_suggested_arguments_become_suggested_options():
    given = arguments(data_dir=Path("/my data"), overrides={"data.file": 'a "b".csv'})
    assert as_options(given) == """--data-dir '/my data', --set 'data.file=a "b".csv'"""
    assert (
        command("run", Path("a b.toml"), resume=None, force=True, seeds=3)
        == "neurosim run 'a b.toml' --force --seeds 3"
    )
