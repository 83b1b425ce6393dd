"""Jobs in a separate process: ``python -m neurosim.backends.cuda.helper``.

Numba chooses the simulator or a GPU when it is imported, by ``NUMBA_ENABLE_CUDASIM``. So a process with the wrong
choice starts one with the right choice. The helper gets the text of generated modules, never a plugin. Orders and
answers are NumPy archives without pickles.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neurosim.backends.cuda.execution import Failure, Job, Launch, Outcome, compile_all, run
from neurosim.backends.cuda.target import Capability
from neurosim.errors import BackendError, NeurosimError
from neurosim.process.children import command_of, end_with_parent, environment_of

MODULE = "neurosim.backends.cuda.helper"
SWITCH = "NUMBA_ENABLE_CUDASIM"


def run_in_simulator(jobs: Sequence[Job]) -> list[Outcome]:
    """`execution.run` in a process with the simulator.

    Raises
    ------
    BackendError
        If the process fails; a failing kernel is reported in its outcome.
    """
    return _ask(jobs, None, {**os.environ, SWITCH: "1"})


def compile_without_simulator(jobs: Sequence[Job], capabilities: Sequence[Capability]) -> list[Outcome]:
    """`execution.compile_all` in a process without the simulator; raises like it, or if the process fails."""
    return _ask(jobs, capabilities, {name: value for name, value in os.environ.items() if name != SWITCH})


def _ask(
    jobs: Sequence[Job], capabilities: Sequence[Capability] | None, environment: Mapping[str, str]
) -> list[Outcome]:
    order = {"jobs": [dataclasses.asdict(job) for job in jobs], "capabilities": capabilities}
    try:
        done = subprocess.run(
            command_of(MODULE),
            input=_packed(order),
            capture_output=True,
            env=environment_of(environment),
            check=False,
        )
    except OSError as error:
        raise BackendError(f"no process for CUDA can be started: {error.strerror}") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit status {done.returncode}"]
        raise BackendError(f"the process for CUDA failed: {said[-1]}")
    answer = _unpacked(done.stdout)
    if "error" in answer:
        raise BackendError(*answer["error"])
    return [_outcome(entry) for entry in answer["outcomes"]]


def main() -> None:
    """Carry out the order from standard input; the answer goes to standard output."""
    end_with_parent()
    order = _unpacked(sys.stdin.buffer.read())
    jobs, capabilities = [_job(entry) for entry in order["jobs"]], order["capabilities"]
    answer: dict[str, Any]
    try:
        outcomes = run(jobs) if capabilities is None else compile_all(jobs, capabilities)
        answer = {"outcomes": [dataclasses.asdict(outcome) for outcome in outcomes]}
    except NeurosimError as error:
        answer = {"error": [error.message, error.hint]}
    sys.stdout.buffer.write(_packed(answer))


def _job(entry: dict[str, Any]) -> Job:
    return Job(entry["stem"], entry["text"], [Launch(**launch) for launch in entry["launches"]])


def _outcome(entry: dict[str, Any]) -> Outcome:
    failure = entry.pop("failure")
    return Outcome(**entry, failure=Failure(**failure) if failure else None)


def _packed(value: Any) -> bytes:
    """A NumPy archive: the value as JSON, and the arrays in it."""
    arrays: list[Any] = []

    def put_aside(array: Any) -> dict[str, int]:
        arrays.append(array)
        return {"array": len(arrays) - 1}

    text = json.dumps(value, default=put_aside)
    file = io.BytesIO()
    np.savez(file, np.array(text), *arrays)
    return file.getvalue()


def _unpacked(data: bytes) -> Any:
    """The inverse of `_packed`."""
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        arrays = [archive[f"arr_{k}"] for k in range(1, len(archive.files))]
        return json.loads(
            str(archive["arr_0"]),
            object_hook=lambda entry: arrays[entry["array"]] if set(entry) == {"array"} else entry,
        )


if __name__ == "__main__":
    main()
