"""What would hang or crash a library without a word is refused in words before it is loaded."""

import os
import platform
import resource
import subprocess
import sys

import pytest
from commands import call

from neurosim.backends import surroundings
from neurosim.backends.surroundings import check_core_type
from neurosim.errors import BackendError

CPUINFO = "processor\t: 0\nmodel name\t: of some kind\nflags\t\t: fpu sse2 avx {} lm\nbugs\t\t: none\n"


@pytest.mark.parametrize(
    ("asked", "flags", "missing"),
    [
        ("SkylakeX", "avx2 fma avx512f", "avx512cd, avx512bw, avx512dq, avx512vl"),
        ("skylakex", "avx2 fma avx512f avx512cd avx512bw avx512dq avx512vl", ""),
        ("Haswell", "fma", "avx2"),
        ("ZEN", "avx2 fma", ""),
        ("NeoverseV1", "", "sve"),
        ("Sandybridge", "", ""),
        ("of their own", "", ""),
    ],
)
def test_a_core_type_that_the_processor_cannot_do(asked, flags, missing, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", asked)
    (tmp_path / "cpuinfo").write_text(CPUINFO.format(flags))
    if not missing:
        check_core_type(tmp_path / "cpuinfo")
        return
    with pytest.raises(BackendError, match=f"with {missing}, which") as caught:
        check_core_type(tmp_path / "cpuinfo")
    assert "unset OPENBLAS_CORETYPE" in caught.value.hint


def test_where_nobody_tells_what_the_processor_can_do(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "SkylakeX")
    check_core_type(tmp_path / "missing")
    (tmp_path / "cpuinfo").write_text("processor: 0\n")
    check_core_type(tmp_path / "cpuinfo")


def test_commands_refuse_such_a_core_type(monkeypatch):
    arm = platform.machine() in ("aarch64", "arm64")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "SkylakeX" if arm else "NeoverseV1")
    found = call(["info", "xor"])
    assert found.code == 2
    assert found.err.startswith("Error: OPENBLAS_CORETYPE=")
    assert call(["info", "--help"]).code == 0


def start(*words, **how):
    return subprocess.run([sys.executable, "-m", "neurosim", *words], capture_output=True, text=True, **how)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit the address space")
@pytest.mark.parametrize("mib", [100, 200, 390])
def test_too_little_address_space(mib, monkeypatch):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (mib << 20, mib << 20))

    found = start("run", "xor", preexec_fn=limit)
    assert found.returncode == 3
    assert found.stderr.startswith(f"Error: this process may use {mib} MiB of memory (ulimit -v)")
    assert "ulimit -v unlimited" in found.stderr


def test_fewer_threads_need_less(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    assert surroundings._blas_threads() == 1
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "many")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert surroundings._blas_threads() == len(os.sched_getaffinity(0))


@pytest.mark.ci
def test_numba_that_may_not_compile(tmp_path):
    found = start("run", "xor", "--out", str(tmp_path / "run"), env={**os.environ, "NUMBA_DISABLE_JIT": "1"})
    assert found.returncode == 2
    assert found.stderr.startswith("Error: NUMBA_DISABLE_JIT=1 turns compilation off")
    assert "--backend reference" in found.stderr
