"""A fault in any function that is reached after training, and memory that ends anywhere: the model is kept.

Exceptions are put into every function of neurosim that a run calls once it is trained; allocations are made to fail by
a library that is preloaded (which needs a C compiler), and by small address spaces.
"""

import itertools
import platform
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from forked import Server
from sizes import sizes

from neurosim.runs.checkpoint import has_checkpoint

EPOCHS = 3
PICTURES = (
    '["learning_curves","decision_boundary","hidden_space","gradient_norm","weight_histogram","confusion_matrix"]'
)
RUN = [
    "run", "moons", "--threads", "1", "--set", f"training.epochs={EPOCHS}", "--set", "data.samples=40",
    "--set", "expect={}", "--set", f"plots.pictures={PICTURES}", "--set", "training.keep_best=train_loss",
    "--set", 'record.quantities=["gradient_norm","update_ratio","dead","weight_histogram","parameters"]',
]  # fmt: skip
FILES = ("model.safetensors", "record.npz")
# The least that is left, in bytes: less than that is not enough to say so.
LEAST = 4 << 20
CRASHED = (-signal.SIGSEGV, -signal.SIGABRT)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, and limits memory, as Linux does")


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    """The library that lets allocations fail."""
    compiler = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)
    if compiler is None or platform.libc_ver()[0] != "glibc":
        pytest.skip("needs a C compiler and glibc")
    library = tmp_path_factory.mktemp("shim") / "failing_malloc.so"
    source = Path(__file__).with_name("failing_malloc.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-w", "-o", library, source], check=True)
    return library


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    with Server(folder, [*RUN, "--quiet", "--out", "warm"]) as made:
        yield made


@pytest.fixture(scope="module")
def preloaded(tmp_path_factory, shim):
    folder = tmp_path_factory.mktemp("preloaded")
    with Server(folder, [*RUN, "--quiet", "--out", "warm"], shim) as made:
        yield made


@pytest.fixture(scope="module")
def whole(server, tmp_path_factory):
    """What a run without a fault leaves, and the functions that it calls once it is trained."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    came = server.run([*RUN, "--quiet", "--out", folder], kind="call")
    assert came.code == 0, came.err
    return left_by(folder), came.about["calls"]


def left_by(folder):
    return [(folder / name).read_bytes() for name in FILES]


def lines_of(folder):
    metrics = folder / "metrics.jsonl"
    return metrics.read_text().splitlines() if metrics.exists() else []


def fault_of(came, folder, expected, server, *, of_memory):
    """What is wrong with a run in which something has failed; empty where nothing is."""
    err = came.err
    if came.code in CRASHED:
        # Libraries do not check everywhere what they are given: NumPy, for buffers of its loops.
        again = server.run(["run", "--resume", folder, "--quiet"])
        return "" if left_by(folder)[0] == expected[0] else f"another model after a crash: {again.err}"
    if "Traceback" in err or "Exception ignored" in err:
        return f"a traceback: {err[-1500:]}"
    if came.code not in ((0, 3) if of_memory else (0, 1, 3)):
        return f"exit status {came.code}: {err[-1500:]}"
    if of_memory and ("unexpected" in err or (came.code and "not enough memory" not in err)):
        return f"memory that has ended is told otherwise: {err[-1500:]}"
    if came.code == 0:
        return "" if left_by(folder)[0] == expected[0] else "another model"
    lines = lines_of(folder)
    if len(lines) < EPOCHS:
        return ""
    # All is trained: nothing of it is lost, and nothing of it is trained again.
    model = folder / "model.safetensors"
    if model.exists() and model.read_bytes() != expected[0]:
        return "another model is kept"
    if not (model.exists() or has_checkpoint(folder)):
        return f"neither model nor checkpoint is kept: {err}"
    if (folder / "report.html").exists():
        told = f"All of the run is kept: {folder / 'report.html'}" in err
        return "" if told and left_by(folder) == expected else f"nothing is said of what is kept: {err}"
    if f"neurosim run --resume {folder}" not in err:
        return f"nothing is said of how to go on: {err}"
    again = server.run(["run", "--resume", folder, "--quiet"])
    if again.code:
        return f"what is kept cannot be gone on with: {again.err}"
    # The seconds of each epoch would be others.
    if "without training again" in err and lines_of(folder) != lines:
        return "it was trained again"
    return "" if left_by(folder)[0] == expected[0] else "another model after resuming"


def faults_in(cases, run, tmp_path):
    """All faults of some cases, each told with its case; what is fine is removed."""
    found, codes = [], {}
    for number, case in enumerate(cases):
        folder = tmp_path / f"run{number}"
        came, fault = run(case, folder)
        codes[came.code] = codes.get(came.code, 0) + 1
        if fault:
            found.append(f"{case}: {fault}")
        shutil.rmtree(folder, ignore_errors=True)
    # A library that crashes is rare.
    assert sum(codes.get(code, 0) for code in CRASHED) <= 1 + len(cases) // 20
    print(f"{len(cases)} cases: " + ", ".join(f"{count} ended with {code}" for code, count in sorted(codes.items())))
    return found


@sizes(short=3, full=400, ci=True)
def test_a_fault_in_any_function_after_training_does_not_cost_the_model(count, server, whole, tmp_path):
    expected, calls = whole
    assert len(calls) > 200
    cases = list(itertools.product(calls, ("RuntimeError", "MemoryError")))
    step = max(1, len(cases) // count)

    def run(case, folder):
        which, error = case
        came = server.run([*RUN, "--quiet", "--out", folder], kind="call", which=which, error=error)
        return came, fault_of(came, folder, expected, server, of_memory=error == "MemoryError")

    assert faults_in(cases[step // 2 :: step], run, tmp_path) == []


@sizes(short=2, full=200, ci=True)
@pytest.mark.parametrize(("size", "stays"), [(4096, False), (32768, True)])
def test_an_allocation_that_fails_is_told_and_does_not_cost_the_model(
    count, size, stays, preloaded, server, whole, tmp_path
):
    expected, _ = whole
    came = preloaded.run([*RUN, "--quiet", "--out", tmp_path / "counted"], kind="malloc", number=0, size=size)
    assert came.code == 0, came.err
    allocations = came.about["seen"]
    assert allocations > 100
    step = max(1, allocations // count)

    def run(number, folder):
        words = [*RUN, "--quiet", "--out", folder]
        came = preloaded.run(words, kind="malloc", number=number, size=size, stays=stays)
        return came, fault_of(came, folder, expected, server, of_memory=True)

    assert faults_in(range(1 + step // 2, allocations + 1, step), run, tmp_path) == []


@sizes(short=2, full=30, ci=True)
def test_a_small_address_space_is_told_and_does_not_cost_the_model(count, server, whole, tmp_path):
    expected, _ = whole

    def run(size, folder):
        came = server.run([*RUN, "--quiet", "--out", folder], kind="memory", size=size)
        return came, fault_of(came, folder, expected, server, of_memory=True)

    sizes = [LEAST + number * ((160 << 20) - LEAST) // count for number in range(count)]
    assert faults_in(sizes, run, tmp_path) == []
