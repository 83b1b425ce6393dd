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


def simulator(name, overrides=None, variant=""):
    """A network on the reference backend, before training."""
    scenario = neurosim.load_scenario(name, overrides=overrides)
    own = scenario.variants[variant] if variant else scenario
    return neurosim.Simulator(own, backend="reference", data_dir=small_mnist() if "mnist" in name else None)


def exported(network, to, folder, name="network"):
    """The script of a network in an empty folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return export(network, to, folder / f"{name}.py")[0]


def run(script, code):
    """Run code beside a script, which it can import; gives what it prints. Warnings are errors."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "NEUROSIM"))}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=script.parent, env=outside, capture_output=True, text=True
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
    """Whether the scripts of some networks give their losses."""
    scripts = {}
    for number, network in enumerate(networks):
        script = exported(network, to, folder, f"network{number}")
        scripts[script.stem] = -(-steps // network.steps_per_epoch)
    theirs = losses_of(scripts, folder, steps)
    for name, network in zip(scripts, networks, strict=True):
        np.testing.assert_allclose(theirs[name], our_losses(network, steps), rtol=error, atol=1e-300, err_msg=name)


def tidy(folder):
    """Whether ruff has nothing to say about the scripts in a folder."""
    ruff = shutil.which("ruff")
    if ruff is None:
        pytest.skip("ruff is not there")
    for words in (["check"], ["format", "--diff"]):
        done = subprocess.run([ruff, *words, "--isolated", "--no-cache", folder], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def whole_or_refused(name, to, library, folder):
    """Export each variant of a shipped scenario: what is not refused in words trains as our network begins to."""
    scenario = neurosim.load_scenario(name)
    first = None
    for number, variant in enumerate(scenario.variants or [""]):
        network = simulator(name, None, variant)
        files, refused = {*folder.iterdir()}, ""
        try:
            script = exported(network, to, folder, f"network{number}")
        except UsageError as error:
            refused = error.message
        if refused:
            assert refused.startswith(f"this run cannot be exported to {library} yet: it has ")
            assert {*folder.iterdir()} == files
        else:
            first = first or (script, network)
    if first is not None:
        tidy(folder)
        script, network = first
        theirs = losses_of({script.stem: 1}, folder, 1)[script.stem]
        np.testing.assert_allclose(theirs, our_losses(network, 1), rtol=1e-6, atol=1e-300)
