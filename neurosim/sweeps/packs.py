"""Many trials of one small network in one file: what they have in common once, the rest as arrays.

Ten thousand folders take longer to write than small networks take to train. So trials that were trained side by side
are kept in a pack, from which each can be unpacked into the folder that it would have had, byte for byte. A
ranking reads the few arrays that it needs.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.files.array_files import ArraysFile, file_of_arrays
from neurosim.files.atomic import write_atomically
from neurosim.training.history import METRICS
from neurosim.training.measures import FINAL_ONLY

FORMAT = "neurosim-trials-1"
BEGINNING, ENDING = "trials-", ".safetensors"
# Bytes of a hash that names a trial.
BYTES = 12
# Stands where the seed of a trial is to stand: a seed that nobody has.
NO_SEED = 8_765_432_109_876_543_210
NAMES, SEEDS, PARAMETERS, MET, KINDS = "names", "seeds", "parameters", "met", "kinds"

Around = tuple[str, str]


def around_seed(text: str) -> Around | None:
    """What stands before and after `NO_SEED` in a text; None unless that is there just once."""
    parts = text.split(str(NO_SEED))
    return (parts[0], parts[1]) if len(parts) == 2 else None


@dataclass(frozen=True)
class Pack:
    """Trials of one architecture that differ in numbers, with as many epochs each.

    Attributes
    ----------
    words : mapping
        What they have in common; in ``kinds``, for each kind, what those have in common that differ only in their
        seed: texts around it, the summary but for its numbers, what the model is of.
    arrays : mapping of str to array
        What each has of its own, by trial: ``names``, ``seeds``, ``kinds``, ``parameters``, ``met``,
        ``final.<measure>``, ``epochs.<measure>`` (trials, epochs).
    """

    words: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]

    @property
    def file_name(self) -> str:
        """The name of its file: after its trials, so that copies of it are one."""
        digest = hashlib.sha256(self.arrays[NAMES].tobytes()).hexdigest()
        return f"{BEGINNING}{digest[: 2 * BYTES]}{ENDING}"

    def write(self, folder: Path) -> None:
        """Write it, whole or not at all."""
        write_atomically(folder / self.file_name, file_of_arrays(self.arrays, {"format": FORMAT, **self.words}))


def packs_in(folder: Path) -> list[Path]:
    """The packs in a folder, by name."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return [folder / name for name in sorted(names) if name.startswith(BEGINNING) and name.endswith(ENDING)]


class PackFile(ArraysFile):
    """A pack on the disk; raises DataError when it cannot be read or is damaged, also from its methods."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "pack of trials", FORMAT)

    def names(self) -> list[str]:
        """The names of its trials."""
        return names_in(self.array(NAMES))

    def kinds(self) -> list[int]:
        """Which of the kinds in its description each is of."""
        kinds: list[int] = self.array(KINDS).tolist()
        return kinds

    def seeds(self) -> list[int]:
        """Their seeds."""
        seeds: list[int] = self.array(SEEDS).tolist()
        return seeds

    def finals(self) -> Iterator[dict[str, float | None]]:
        """The final measures of each."""
        order: Sequence[str] = self.words["final"]
        if not {*order} <= {*METRICS, *FINAL_ONLY}:
            raise self.damaged("it has measures that no run has")
        arrays = {name: self.array(f"final.{name}") for name in order if f"final.{name}" in self.array_names}
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise self.damaged("a measure is not a number")
        there = {name: array.tolist() for name, array in arrays.items()}
        nothing = [None] * len(self.array(SEEDS))
        for values in zip(*(there.get(name, nothing) for name in order), strict=True):
            yield dict(zip(order, values, strict=True))

    def met(self) -> list[bool | None]:
        """Whether each met all that its scenario expects; None where that is nothing."""
        if MET not in self.array_names:
            return [None] * len(self.array(SEEDS))
        return [bool(one) for one in self.array(MET)]


def names_in(array: NDArray[np.uint8]) -> list[str]:
    """The names in an array that `names_bytes` made."""
    text = array.tobytes().hex()
    return [text[first : first + 2 * BYTES] for first in range(0, len(text), 2 * BYTES)]


def names_bytes(names: Sequence[str]) -> NDArray[np.uint8]:
    """Names of trials as an array, (trials, bytes)."""
    return np.frombuffer(bytes.fromhex("".join(names)), np.uint8).reshape(len(names), BYTES)
