"""One hash for each shipped scenario: whatever the number of threads, and whatever processor is compiled for."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from golden_networks import STORED, digest, have_data

from neurosim.scenario import shipped

HASHES = json.loads(STORED.read_text(encoding="utf-8"))
# The last are more than most machines have processors.
THREADS = (1, 2, 5, 16)
# The names and features of processors, as LLVM knows them. The first is any processor of 64 bits: each fused
# multiply-add is a call of the C library there.
NARROW = "+avx,+avx2,+fma,+bmi,+bmi2,+popcnt,+lzcnt,+movbe,+f16c,+sse4.2"
WIDE = f"{NARROW},+avx512f,+avx512bw,+avx512cd,+avx512dq,+avx512vl"
TARGETS = {
    "x86-64": "",
    "haswell": NARROW,
    "znver3": NARROW,
    "x86-64-v3": NARROW,
    "skylake-avx512": WIDE,
    "znver4": WIDE,
}
# Tried for every change: the one that differs most from any machine that tests run on.
OFTEN = ("x86-64",)
# Dense and convolutional layers, small and large, normalizations, dropout, several optimizers.
FEW = ("xor", "digits", "digits-cnn", "spirals", "depth")


def runs(features):
    """Whether this processor has the features, as Linux tells them."""
    facts = Path("/proc/cpuinfo")
    has = set(facts.read_text().split()) if facts.exists() else set()
    names = {"sse4.2": "sse4_2", "lzcnt": "abm", "bmi": "bmi1"}
    return all(names.get(feature, feature) in has for feature in features.replace("+", "").split(",") if feature)


def test_every_shipped_scenario_has_a_hash():
    assert set(HASHES) == set(shipped())


@pytest.mark.parametrize("name", HASHES)
@pytest.mark.parametrize(
    "numbers", [pytest.param((1, 5), marks=pytest.mark.ci), pytest.param(THREADS, marks=pytest.mark.slow)]
)
def test_the_first_steps_of_a_scenario(name, numbers):
    if not have_data(name):
        pytest.skip("needs its data set")
    assert {threads: digest(name, threads) for threads in numbers} == dict.fromkeys(numbers, HASHES[name])


@pytest.mark.skipif(platform.machine() != "x86_64", reason="names processors of one architecture")
@pytest.mark.parametrize(
    "target", [pytest.param(name, marks=pytest.mark.ci if name in OFTEN else pytest.mark.slow) for name in TARGETS]
)
def test_code_for_another_processor(target, tmp_path):
    features = TARGETS[target]
    if not runs(features):
        pytest.skip("this processor cannot run it")
    names = [name for name in FEW if have_data(name)]
    kind = {"NUMBA_CPU_NAME": target, "NUMBA_CPU_FEATURES": features, "NEUROSIM_CACHE": str(tmp_path)}
    program = STORED.with_name("golden_networks.py")
    done = subprocess.run(
        [sys.executable, program, *names], env={**os.environ, **kind}, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {name: HASHES[name] for name in names}
