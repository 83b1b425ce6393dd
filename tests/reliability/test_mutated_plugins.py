"""No text of a plugin ends the process, hangs it, or shows a traceback: it is trained with, or refused in a sentence.

Each mutant is trained in a process of its own, on the reference and compiled.
"""

import os
import random

import pytest

pytest.importorskip("resource")  # there is none on Windows

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plugin_mutants import PLUGINS, mutant, settings_of
from warm_forks import Forks

SCENARIO = """
[scenario]
name = "tried"
title = "What mutants are tried with"
seed = 1

[data]
source = "iris"

[network]
loss = "categorical_cross_entropy"

[[network.layers]]
kind = "dense"
units = 4
activation = "tanh"

[[network.layers]]
kind = "dense"
units = 3
activation = "softmax"

[optimizer]
name = "adam"
lr = 0.05

[training]
epochs = 2
batch_size = 50
"""
# Done, refused, diverged.
ENDS = (0, 2, 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("mutants")
    (made / "s.toml").write_text(SCENARIO)
    return made


@pytest.fixture(scope="module")
def forks(folder):
    warm = [("run", "s.toml", "--out", f"warm {name}", "--backend", name, "--quiet") for name in ("reference", "cpu")]
    with Forks(folder, warm, {**os.environ, "NEUROSIM_DISABLE_PLUGINS": "1"}) as made:
        assert made.codes == [0, 0], made.told
        yield made


def check(folder, forks, plugin, text, backend, ends=ENDS):
    (folder / "mutant.py").write_text(text)
    words = ["run", "s.toml", "--plugin", "mutant.py", "--out", f"out {os.urandom(6).hex()}", "--no-report", "--quiet"]
    words += ["--backend", backend, *(word for change in settings_of(plugin) for word in ("--set", change))]
    done = forks.run(folder, words)
    said = f"{backend} ended with {done.code}:\n{done.out}{done.err}\n{text}"
    assert done.code in ends, said
    assert "Traceback" not in done.out + done.err, said
    assert "unexpected" not in done.err, said
    assert done.code == 0 or "Error: " in done.err, said


@pytest.mark.parametrize("name", PLUGINS)
@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_what_is_not_changed_is_trained_with(folder, forks, name, backend):
    check(folder, forks, PLUGINS[name], "".join(PLUGINS[name]), backend, ends=[0])


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(name=st.sampled_from(sorted(PLUGINS)), seed=st.integers(0, 2**32))
def test_mutants_are_trained_with_or_refused(folder, forks, backend, name, seed):
    check(folder, forks, PLUGINS[name], mutant(PLUGINS[name], random.Random(seed)), backend)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize("name", PLUGINS)
def test_many_mutants(folder, forks, backend, name):
    for seed in range(200):
        check(folder, forks, PLUGINS[name], mutant(PLUGINS[name], random.Random(seed)), backend)
