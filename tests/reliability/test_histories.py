"""Many processes in one folder at once, some killed anywhere: nothing is lost, nothing mixed, nothing left over.

See `histories`, which makes them.
"""

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sizes import sizes

HERE = Path(__file__).parent
# In memory, where there is a folder for that: writing is what a disk makes slow, and processes are killed, not disks.
MEMORY = Path("/dev/shm")


@pytest.fixture
def place(tmp_path):
    if not os.access(MEMORY, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)


def histories(place, count, seed, *options):
    """Make so many histories in a process of their own; gives what it has counted."""
    folder = place / str(seed)
    folder.mkdir()
    # NumPy's threads are not what is tested, and would be where forks have none.
    own = {"NEUROSIM_DISABLE_PLUGINS": "1", "NEUROSIM_CACHE": str(place / "cache"), "OPENBLAS_NUM_THREADS": "1"}
    paths = os.pathsep.join([str(HERE), str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, HERE / "histories.py", str(count), str(seed), *options],
        capture_output=True, text=True, cwd=folder, env={**os.environ, **own, "PYTHONPATH": paths},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    wrong = found.pop("wrong")
    assert not wrong, "\n".join(wrong)
    return found


@sizes(short=3, full=1000, ci=True)
def test_histories_of_many_processes(count, place):
    makers = 1 if count < 100 else os.cpu_count() or 1
    with ThreadPoolExecutor(makers) as pool:
        shares = [count // makers + (number < count % makers) for number in range(makers)]
        found = list(pool.map(lambda number: histories(place, shares[number], number), range(makers)))
    print({name: sum(counts[name] for counts in found) for name in found[0]})


@pytest.mark.slow
def test_histories_with_a_cold_cache_of_kernels(place):
    print(histories(place, 10, 7, "--cold"))
