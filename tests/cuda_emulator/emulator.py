"""The emulator as Python sees it: the device, the seed of its schedules, and what was found."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import cuda_emulator.numba_hook
from cuda_emulator import host_code, library

# Registers of each thread that kernels are said to need.
REGISTERS = 128
MEMORY = 512 << 20
COUNTS = (
    "launches", "blocks", "barriers", "grid_barriers", "fences", "reads", "writes", "recorded", "graph_launches",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Attributes
    ----------
    kind : str
        Such as "race in a block", "race between blocks", "out of bounds", "never written", "divergent barrier",
        "deadlock", "misaligned", "stale cache line"; "not emulated" if the emulator cannot tell.
    kernel, function : str
        The kernel, and the function in it.
    count : int
        How often.
    detail : str
        The first time: what was accessed, and by whom.
    """

    kind: str
    kernel: str
    function: str
    count: int
    detail: str

    def __str__(self) -> str:
        return f"{self.kind} in {self.function} ({self.count} times), first: {self.detail}"


def start() -> None:
    """Make the emulator the driver of this process, before Numba looks for one; a second call changes nothing."""
    library.load()
    cuda_emulator.numba_hook.install()


def set_device(
    processors: int = 2,
    blocks_per_processor: int = 1,
    *,
    capability: tuple[int, int] = (9, 0),
    memory: int = MEMORY,
    draws_a_screen: bool = False,
) -> None:
    """What the device is: how many blocks are on it at once, how many of them share a cache, its bytes of memory."""
    library.load().emulator_set_device(
        processors,
        blocks_per_processor,
        10 * capability[0] + capability[1],
        ctypes.c_uint64(memory),
        int(draws_a_screen),
    )
    cuda_emulator.numba_hook.forget_device()


def set_driver(version: tuple[int, int] = (13, 0), error: int = 0) -> None:
    """What the driver is; `error` is what it says when it is set up, before which it must be set."""
    library.load().emulator_set_driver(1000 * version[0] + 10 * version[1], error)


def fail(launches: int = 0, error: int = 0) -> None:
    """Have the device fail in place of the launch after so many, with this error of the driver, which stays.

    Without an error it is well again: as for a new process.
    """
    library.load().emulator_fail(ctypes.c_uint64(launches), error)


def set_seed(seed: int) -> None:
    """Draw the schedules from here on from this seed."""
    library.load().emulator_set_seed(ctypes.c_uint64(seed))


def forget() -> None:
    """Run what was launched, and forget what was found and counted."""
    library.load().emulator_forget()


def findings() -> list[Finding]:
    """What was found since `forget`, after all that was launched."""
    ask = library.load().emulator_findings
    ask.restype = ctypes.c_uint64
    text = ctypes.create_string_buffer(1 + ask(None, ctypes.c_uint64(0)))
    ask(text, ctypes.c_uint64(len(text)))
    found = []
    for line in text.value.decode().splitlines():
        kind, kernel, site, count, detail = line.split(" | ", 4)
        found.append(Finding(kind, kernel, host_code.sites[int(site)], int(count), detail))
    return found


def counts() -> dict[str, int]:
    """How much was done since `forget`."""
    numbers = (ctypes.c_uint64 * len(COUNTS))()
    library.load().emulator_counts(numbers)
    return dict(zip(COUNTS, numbers, strict=True))
