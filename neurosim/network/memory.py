"""How much memory it takes to train a network, and whether the machine has it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from neurosim.errors import BackendError
from neurosim.network.course import Course
from neurosim.network.layers import Layer
from neurosim.network.network import Network
from neurosim.network.training import Training

FLOAT_BYTES = 4  # of the compiled backends
_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")
# What a simulator takes besides its numbers, as measured.
_OF_A_SIMULATOR = 12 << 10
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


@dataclass(frozen=True)
class Memory:
    """Bytes that training takes at the least, float32.

    Attributes
    ----------
    parameters : int
        With running statistics.
    gradient : int
        Of the parameters.
    optimizer : int
        The optimizer's state.
    outputs : int
        Of all layers, for one batch.
    """

    parameters: int
    gradient: int
    optimizer: int
    outputs: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.parameters + self.gradient + self.optimizer + self.outputs


def training_memory(network: Network, training: Training, rows: int) -> Memory:
    """The memory for training the network like this on this many rows."""
    learned, batch = network.size * FLOAT_BYTES, Course(training, rows).largest_batch
    return Memory(
        learned + sum(entry.size for entry in network.statistics) * FLOAT_BYTES,
        learned,
        learned * len(training.slots),
        sum(output_memory(layer, batch) for layer in network.parts),
    )


def output_memory(layer: Layer, rows: int) -> int:
    """Bytes of a layer's outputs for this many rows; 0 if they are its inputs in another shape."""
    return rows * math.prod(layer.output_shape) * FLOAT_BYTES if layer.moves_data else 0


def check_memory(network: Network, training: Training, rows: int) -> None:
    """Refuse a network that the machine lacks the memory for, before any of it is taken.

    Without this a system that promises more memory than it has would end the process without a word.

    Parameters
    ----------
    network, training : Network, Training
        What is to be trained, and how.
    rows : int
        Training rows; a batch has no more of them.

    Raises
    ------
    BackendError
        When the machine has less memory than training takes at the least.
    """
    needed, there = training_memory(network, training, rows), machine_memory()
    targets = rows * network.answers * FLOAT_BYTES if network.loss.record.targets == "values" else 0
    total = needed.total + targets
    if there is None or total <= there:
        return
    raise BackendError(
        f"training takes at least {show_bytes(total)} of memory, and this machine has {show_bytes(there)}: "
        f"{show_bytes(needed.parameters)} for {network.size:,} parameters, {show_bytes(needed.gradient)} for their "
        f"gradient, {show_bytes(needed.optimizer)} for the optimizer, "
        f"{show_bytes(needed.outputs)} for what all layers put out for {Course(training, rows).largest_batch:,} rows, "
        f"{show_bytes(targets)} for the targets",
        "Make layers, training.batch_size or the data smaller; neurosim info SCENARIO shows what each layer takes.",
    )


def check_memory_together(networks: Iterable[tuple[Network, Training, int]]) -> None:
    """Refuse networks that are all kept at once where the machine lacks the memory for them.

    Parameters
    ----------
    networks : iterable of (Network, Training, int)
        Each with how it is trained and on how many rows.

    Raises
    ------
    BackendError
        When the machine has less memory than they take together at least.
    """
    count = total = 0
    known: dict[int, int] = {}
    for network, training, rows in networks:
        if id(network) not in known:
            known[id(network)] = training_memory(network, training, rows).total + _OF_A_SIMULATOR
        count, total = count + 1, total + known[id(network)]
    there = machine_memory()
    if there is None or total <= there:
        return
    raise BackendError(
        f"{count:,} networks take at least {show_bytes(total)} of memory together, and this machine has "
        f"{show_bytes(there)}",
        "Train fewer of them at once: with fewer variants or a smaller scenario.repeats, or a variant at a time "
        "(variant=...). With variant=... and seeds=..., any number of seeds can be trained: no network is kept.",
    )


def machine_memory() -> int | None:
    """Bytes of memory of the machine, or of the container if it may use less; None where the system does not tell."""
    try:
        sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    except (AttributeError, ValueError, OSError):  # Windows
        return None
    with suppress(OSError, ValueError):  # no container, or "max"
        sizes.append(int(_CONTAINER_LIMIT.read_text(encoding="ascii")))
    return min(sizes)


def show_bytes(size: int) -> str:
    """Bytes in the unit that reads best: ``1.5 KiB``."""
    value, unit = float(size), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{size} B" if unit == 0 else f"{value:.3g} {_UNITS[unit]}"
