"""The hashes of shipped scenarios stay the same where exp, sin, pow and the rest of the C library change."""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from golden_networks import STORED, have_data

HERE = Path(__file__).parent
HASHES = json.loads(STORED.read_text(encoding="utf-8"))
# Adam's powers; generated data; a cosine as schedule; turned images.
QUICK = ("xor", "spirals", "sine", "mnist-mlp-elastic")
# What Python, NumPy and compiled code take from the C library.
CONTROL = """
import json, math
import numba, numpy as np
power = numba.njit(lambda x, y: math.pow(x, y) + math.cos(x))
x = 0.3
print(json.dumps([math.exp(x), math.cos(x), x**0.7, power(x, 0.7), float(np.cos(np.full(9, x))[0]), 2.0**-53]))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    compiler = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)
    if compiler is None or platform.libc_ver()[0] != "glibc":
        pytest.skip("needs a C compiler and glibc")
    made = tmp_path_factory.mktemp("library") / "another_libm.so"
    options = ["-shared", "-fPIC", "-O1", "-fno-builtin", "-o", made, HERE / "another_libm.c", "-lm", "-ldl"]
    subprocess.run([compiler, *options], check=True)
    return made


def printed(library, *program, **variables):
    """What a program prints where the C library is another one, and NumPy has no vector functions of its own."""
    found = np.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", ())
    variables |= {
        "LD_PRELOAD": str(library),
        "NPY_DISABLE_CPU_FEATURES": " ".join(found),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, *map(str, program)],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.ci
def test_the_functions_do_give_something_else(library):
    usual = json.loads(subprocess.run([sys.executable, "-c", CONTROL], capture_output=True, check=True).stdout)
    other = printed(library, "-c", CONTROL)
    assert other == pytest.approx(usual, rel=1e-5)
    assert [x == y for x, y in zip(other, usual, strict=True)] == [False] * 5 + [True]


@pytest.mark.ci
def test_networks_are_the_same(library):
    names = [name for name in QUICK if have_data(name)]
    assert printed(library, HERE / "golden_networks.py", *names) == {name: HASHES[name] for name in names}


@pytest.mark.slow
def test_networks_are_the_same_where_the_compiler_has_that_library_too(library, tmp_path):
    names = ("xor", "digits", "digits-cnn", "overfitting")
    found = printed(library, HERE / "golden_networks.py", *names, NEUROSIM_CACHE=str(tmp_path))
    assert found == {name: HASHES[name] for name in names}
