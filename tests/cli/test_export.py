"""``neurosim export``: the files it writes, and what it says where it writes none."""

import pytest

from neurosim import exchange
from neurosim.cli import export


@pytest.fixture
def trained(neurosim):
    """Train a scenario for an epoch, in the folder ``run``; what it promises does not matter."""

    def train(*words):
        short = ["--backend", "reference", "--set", "training.epochs=1", "--quiet", "--no-report", "--out", "run"]
        assert neurosim("run", *words, *short).code in (0, 5)

    return train


def test_a_run_becomes_a_script(neurosim, trained, tmp_path):
    trained("iris")
    done = neurosim("export", "run", "--to", "numpy", "--out", "iris.py")
    assert done.code == 0, done.err
    assert done.out.splitlines() == ["iris.py", "iris.npz"]
    assert all((tmp_path / name).is_file() for name in done.out.split())
    done = neurosim("export", "run", "--to", "onnx", "--out", "iris.onnx")
    assert (done.code, done.out) == (0, "iris.onnx\n"), done.err


def test_a_study_is_several_networks(neurosim, trained, tmp_path):
    trained("xor", "--set", "scenario.repeats=2")
    done = neurosim("export", "run", "--to", "numpy", "--out", "xor.py")
    assert done.code == 2
    said, command = done.err.strip().split("export one of them: ")
    assert said.endswith("run is a study of 2 networks; ")
    assert not (tmp_path / "xor.py").exists()
    assert neurosim(*command.split()[1:]).out == "xor.py\n"


def test_what_is_refused(neurosim, trained):
    trained("xor", "--set", "training.keep_best=train_loss")
    done = neurosim("export", "run", "--to", "numpy", "--out", "xor.py")
    assert done.code == 2
    assert "this run cannot be exported to NumPy yet: it has training.keep_best" in done.err
    assert "is not the name of a script" in neurosim("export", "run", "--to", "numpy", "--out", "xor.txt").err
    assert 'did you mean "numpy"' in neurosim("export", "run", "--to", "np", "--out", "xor.py").err


def test_the_command_offers_all_that_there_is():
    assert tuple(exchange.FORMATS) == export.FORMATS
