"""What goes wrong with a driver or a GPU is told in one sentence, with an exit status, and nothing is lost."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cuda_emulator import emulator
from neurosim.backends.cuda import target
from neurosim.backends.cuda.device import Memory
from neurosim.cli.application import execute
from neurosim.errors import BackendError, DataError

OUT_OF_MEMORY, NO_DEVICE, LAUNCH_FAILED = 2, 100, 719
# With the formulas of a network that other tests compile too.
SCENARIO = """
[scenario]
name = "lost"
title = "Trained on a GPU that is lost"
[data]
source = "moons"
samples = 40
[network]
loss = "binary_cross_entropy"
layers = [
  { kind = "dense", units = 7, activation = "leaky_relu" },
  { kind = "dropout", rate = 0.3 },
  { kind = "dense", units = 1, activation = "sigmoid" },
]
[optimizer]
name = "adam"
lr = 0.01
[training]
epochs = 8
batch_size = 10
checkpoint_every = 1
[plots]
pictures = []
"""


@pytest.fixture(autouse=True)
def healed():
    """Whatever was wrong with the device is so no longer afterwards."""
    yield
    emulator.fail()
    emulator.set_driver()
    target._for_good.close()


def run(*words):
    return execute(["run", *map(str, words), "--no-report"])


def test_a_run_on_a_device_that_is_lost_goes_on_from_its_last_checkpoint(tmp_path, capsys):
    scenario = tmp_path / "lost.toml"
    scenario.write_text(SCENARIO)
    whole, lost = tmp_path / "whole", tmp_path / "broken"
    assert run(scenario, "--backend", "cuda", "--out", whole) == 0
    emulator.forget()
    assert run(scenario, "--backend", "cuda", "--out", tmp_path / "again") == 0
    launches = emulator.counts()["launches"]
    capsys.readouterr()
    emulator.fail(launches // 2, LAUNCH_FAILED)
    assert run(scenario, "--backend", "cuda", "--out", lost) == 2
    error, *hints = [line for line in capsys.readouterr().err.splitlines() if line.startswith(("Error", "Hint", "The"))]
    assert error.startswith("Error: the GPU has failed: Call to cu")
    assert error.endswith("results in CUDA_ERROR_LAUNCH_FAILED")
    assert "new process" in hints[0]
    assert "resume" in hints[1]
    # Else Numba says for each array, at the end of the process, that it cannot be given back.
    assert target.cuda.current_context().deallocations.is_disabled
    emulator.fail()
    assert run("--resume", lost) == 0
    for name in ("model.safetensors", "record.npz"):
        files = [folder / name for folder in (whole, lost)]
        assert files[0].exists() == files[1].exists()
        assert not files[0].exists() or files[0].read_bytes() == files[1].read_bytes()


def test_memory_that_is_full_in_spite_of_what_the_driver_has_said():
    context = target.cuda.current_context()
    gc.collect()
    context.deallocations.clear()
    free, total = context.get_memory_info()
    emulator.set_device(memory=total - free + 5000)
    with pytest.raises(DataError, match="the memory of the GPU is full") as caught:
        Memory(1, 0).empty(10_000, np.float32)
    assert "nvidia-smi" in caught.value.hint


@pytest.mark.parametrize(("version", "help"), [((12, 4), "neurosim-edu[cuda12]"), ((11, 8), "newer driver")])
def test_a_driver_older_than_the_toolkit(version, help, capsys):
    emulator.set_driver(version)
    with pytest.raises(BackendError) as caught:
        target.present_device()
    said = f"the NVIDIA driver is for CUDA {version[0]}.{version[1]}, and kernels are compiled here for CUDA 13"
    assert caught.value.message == said
    assert help in caught.value.hint
    assert ("pip" in caught.value.hint) == (version[0] == 12)
    assert execute(["info"]) == 0
    assert said in " ".join(capsys.readouterr().out.split())


def test_kernels_of_numba_without_numba_cuda(monkeypatch):
    monkeypatch.setattr(target.cuda, "implementation", "Built-in")
    with pytest.raises(BackendError, match="need numba-cuda, which is not installed") as caught:
        target.present_device()
    assert caught.value.hint == target.INSTALL


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (NO_DEVICE, 2, "the NVIDIA driver finds no GPU"),
        (OUT_OF_MEMORY, 3, "the memory of the GPU is full"),
    ],
)
def test_a_gpu_that_cannot_even_be_asked(error, code, message):
    script = f"""
import sys
import cuda_emulator
assert cuda_emulator.start() is None
from cuda_emulator import emulator
emulator.set_driver(error={error})
from neurosim.cli.application import execute
sys.exit(execute(["run", "xor", "--backend", "cuda"]))
"""
    paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == code, done.stderr
    first, second = done.stderr.splitlines()
    assert first == f"Error: {message}"
    assert second.startswith("Hint: ")
