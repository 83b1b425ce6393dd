"""Exported scripts, run as their users run them: in a folder of their own, by a Python that knows no neurosim."""

import atexit
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

import neurosim
from neurosim.errors import UsageError
from neurosim.exchange import export
from neurosim.scenario import shipped

PLUGINS = Path(__file__).parents[2] / "plugins"


@functools.cache
def small_mnist():
    """A data folder with a few images of noise in the place of MNIST."""
    folder = Path(tempfile.mkdtemp(prefix="small-mnist-"))
    atexit.register(shutil.rmtree, folder)
    (folder / "mnist").mkdir()
    random = np.random.default_rng(0)
    for part, rows in (("train", 320), ("t10k", 40)):
        images, labels = random.integers(0, 256, (rows, 28, 28)), random.integers(0, 10, rows)
        for name, array in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            head = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
            (folder / "mnist" / name).write_bytes(head + array.astype(np.uint8).tobytes())
    return folder


@functools.cache
def with_plugins():
    """The built-ins and the plugins of the repository that give what scripts can have."""
    names = ("neurosim-focal/neurosim_focal", "neurosim-lion/neurosim_lion", "neurosim-mish/neurosim_mish")
    return neurosim.build_registry([PLUGINS / f"{name}.py" for name in names], entry_points=False)


def simulator(name, overrides=None, variant="", registry=None, backend="reference"):
    """A network before training."""
    scenario = neurosim.load_scenario(name, overrides=overrides, registry=registry)
    own = scenario.variants[variant] if variant else scenario
    return neurosim.Simulator(own, backend=backend, data_dir=small_mnist() if "mnist" in name else None)


def exported(network, to, folder, name="network"):
    """The script of a network in an empty folder."""
    folder.mkdir(parents=True, exist_ok=True)
    ending = "onnx" if to == "onnx" else "py"
    return export(network, to, folder / f"{name}.{ending}")[0]


def run(script, code, warnings="error"):
    """Run code beside a script, which it can import; gives what it prints. Warnings are errors."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "NEUROSIM"))}
    # Small as these networks are, threads would only wait for each other.
    outside["OMP_NUM_THREADS"] = "1"
    done = subprocess.run(
        [sys.executable, "-W", warnings, "-c", code], cwd=script.parent, env=outside, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def losses_of(scripts, folder, steps):
    """The losses of the first steps of several scripts in a folder, by their names."""
    code = ["import json"]
    for name, epochs in scripts.items():
        code += [f"import {name}", f"print(json.dumps(['{name}', *map(float, {name}.train({epochs})[1])]))"]
    lines = [json.loads(line) for line in run(folder / "any.py", "\n".join(code)).splitlines() if line[0] == "["]
    return {name: np.array(losses[:steps]) for name, *losses in lines}


def our_losses(network, steps):
    """The same of our own network, which is trained by it."""
    rows, losses, epoch = network.split_rows("train"), [], 0
    while len(losses) < steps:
        for step in range(min(network.steps_per_epoch, steps - len(losses))):
            losses.append(network._backend.train_epoch(rows, epoch, step, step + 1).mean_loss)
        epoch += 1
    return np.array(losses)


def agree(networks, to, folder, steps, error):
    """Whether the scripts of some networks give their losses; steps and error are one number, or one for each."""
    count = len(networks)
    steps = [steps] * count if isinstance(steps, int) else steps
    errors = [error] * count if isinstance(error, float) else error
    names = [f"network{number}" for number in range(count)]
    scripts = {}
    for name, network, many in zip(names, networks, steps, strict=True):
        exported(network, to, folder, name)
        scripts[name] = -(-many // network.steps_per_epoch)
    theirs = losses_of(scripts, folder, max(steps))
    for name, network, many, allowed in zip(names, networks, steps, errors, strict=True):
        ours = our_losses(network, many)
        np.testing.assert_allclose(theirs[name][:many], ours, rtol=allowed, atol=1e-300, err_msg=f"{name}: {network!r}")


def tidy(folder):
    """Whether ruff has nothing to say about the scripts in a folder."""
    ruff = shutil.which("ruff")
    if ruff is None:
        pytest.skip("ruff is not there")
    for words in (["check"], ["format", "--diff"]):
        done = subprocess.run([ruff, *words, "--isolated", "--no-cache", folder], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def steps_of_shipped(to, library, folder):
    """Export every shipped scenario, and take a step with each that is not refused in words; gives their losses."""
    names = []
    for name in sorted(shipped()):
        network = simulator(name, None, next(iter(neurosim.load_scenario(name).variants), ""))
        refused, files = "", {*folder.iterdir()}
        try:
            names.append(exported(network, to, folder, f"network{len(names)}").stem)
        except UsageError as error:
            refused = error.message
        if refused:
            assert refused.startswith(f"this run cannot be exported to {library} yet: it has ")
            assert {*folder.iterdir()} == files
    tidy(folder)
    code: list[str] = []
    for name in names:
        code += [f"import {name} as n", "n.x_train = n.x_train[:8]", "print('loss:', float(n.train(1)[1][0]))"]
    lines = run(folder / "any.py", "\n".join(code)).splitlines()
    losses = [float(line.partition(":")[2]) for line in lines if line.startswith("loss:")]
    assert len(losses) == len(names)
    assert np.isfinite(losses).all()
    return losses
