"""A disk that is full or broken, at any call: exit 3, a message, and the checkpoint before is there.

Faults are injected into the system calls of a real run by strace; without it these tests are skipped.
"""

import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from sizes import sizes
from whole_runs import check_what_is_kept, epochs_in, left_by, write_scenario

from neurosim.runs.checkpoint import newest

EPOCHS = 5
# What may go wrong with each call.
FAULTS = {
    "write": ("ENOSPC", "EIO", "EDQUOT"),
    "fsync": ("ENOSPC", "EIO", "EDQUOT"),
    "rename": ("ENOSPC", "EIO", "EDQUOT"),
    "openat": ("ENOSPC", "EROFS"),
    "mkdir": ("EDQUOT",),
    "unlink": ("EIO",),
}
RUN = [sys.executable, "-m", "neurosim", "run"]
CALL = re.compile(r"^(\d+) +(\w+)\((.*)$")


def works():
    """Whether there is a strace that may trace."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-qq", "-e", "trace=none", "true"], capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not works(), reason="needs strace")


def run(words, log, cwd, *options):
    """A run under strace; what it printed, and its calls as (call, everything else on the line)."""
    traced = ["strace", "-f", "-y", "-qq", "-o", str(log), "-e", f"trace={','.join(FAULTS)}", *options, *RUN, *words]
    done = subprocess.run(traced, capture_output=True, text=True, cwd=cwd)
    calls = [found.groups() for line in log.read_text(errors="replace").splitlines() if (found := CALL.match(line))]
    main = calls[0][0]
    return done, [(call, rest) for process, call, rest in calls if process == main]


def to_folder(call, rest):
    """Whether a call writes to the run folder."""
    place = rest.replace('"out/', '"<out/').replace("/out/", "<out/").replace("/out>", "<out/")
    return "<out" in place and (call != "openat" or "O_CREAT" in rest)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The scenario, what a run without faults leaves, and all calls that may fail: (call, which of its kind)."""
    folder = tmp_path_factory.mktemp("whole")
    scenario = write_scenario(folder / "whole.toml", EPOCHS)
    for _ in range(2):  # the second has nothing to compile
        shutil.rmtree(folder / "out", ignore_errors=True)
        done, calls = run([str(scenario), "--out", "out", "--threads", "1", "--quiet"], folder / "log", folder)
        assert done.returncode == 0, done.stderr
    seen, places = dict.fromkeys(FAULTS, 0), []
    for call, rest in calls:
        seen[call] += 1
        if to_folder(call, rest):
            places.append((call, seen[call]))
    return scenario, left_by(folder / "out"), places


def check(scenario, expected, folder, call, number, fault):
    """One fault; returns whether it happened where it should."""
    case = f"{call} number {number}: {fault}"
    folder.mkdir()
    words = [str(scenario), "--out", "out", "--threads", "1", "--quiet"]
    done, calls = run(words, folder / "log", folder, "-e", f"inject={call}:error={fault}:when={number}")
    hit = [rest for found, rest in calls if "(INJECTED)" in rest and to_folder(found, rest)]
    if not hit:
        return False
    out = folder / "out"
    told = f"{case}: {hit[0]}\n{done.stderr}"
    assert "Traceback" not in done.stderr, told
    assert "unexpected" not in done.stderr, told
    # What only tidies up, or makes a folder that is there, need not work.
    assert done.returncode == 3 or (call in ("unlink", "mkdir") and done.returncode == 0), told
    assert done.returncode == 0 or done.stderr.startswith("Error: "), told
    assert len(done.stderr.splitlines()) <= 6, told
    if not (out / "summary.json").is_file():
        check_what_is_kept(out, epochs_in(out))
        again = ["--resume", "out"] if newest(out) else words
        after = subprocess.run([*RUN, *again, "--quiet"], capture_output=True, text=True, cwd=folder)
        assert after.returncode == 0, f"{told}\n{after.stderr}"
    assert left_by(out) == expected, told
    shutil.rmtree(folder)
    return True


@sizes(short=1, full=10_000, ci=True)
def test_the_checkpoint_before_is_there_after_every_fault(count, whole, tmp_path):
    scenario, expected, places = whole
    assert {call for call, _ in places} == set(FAULTS)
    cases = [(call, number, fault) for call, number in places for fault in FAULTS[call]]
    step = max(1, len(cases) // count)
    chosen = cases[step // 2 :: step]
    with ThreadPoolExecutor(2) as pool:
        hits = list(pool.map(lambda n: check(scenario, expected, tmp_path / str(n), *chosen[n]), range(len(chosen))))
    print(f"{sum(hits)} faults of {len(chosen)} injected, {len(places)} calls")
    assert sum(hits) >= 0.9 * len(chosen)


def under_fault(words, out, log, *options):
    """What a command ends with whose output goes to a file, under injected faults."""
    with out.open("wb") as stream:
        traced = ["strace", "-f", "-qq", "-o", str(log), *options, sys.executable, "-m", "neurosim", *words]
        return subprocess.run(traced, stdout=stream, stderr=subprocess.PIPE, text=True)


def test_output_that_a_broken_disk_loses_is_no_success(tmp_path):
    out = tmp_path / "out"
    done = under_fault(["list"], out, tmp_path / "log", "-P", str(out), "-e", "inject=write:error=EIO")
    assert done.returncode == 3
    assert "Error: cannot write standard output: Input/output error" in done.stderr


def test_a_disk_that_cannot_lock_is_not_taken_for_another_process(tmp_path):
    words = ["run", "xor", "--quiet", "--no-report", "--out", str(tmp_path / "run")]
    done = under_fault(words, tmp_path / "out", tmp_path / "log", "-e", "inject=flock:error=ENOLCK")
    assert done.returncode == 3
    assert "No locks available" in done.stderr
    assert "another neurosim" not in done.stderr
