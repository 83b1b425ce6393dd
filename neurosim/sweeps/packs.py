"""Many trials of one small network in one file: what they have in common once, the rest as arrays.

Ten thousand folders take longer to write than small networks take to train. So trials that were trained side by side
are kept in a pack, from which each can be unpacked into the folder that it would have had, byte for byte. A pack is a
safetensors file whose description has a checksum of its own and one of each array, so that a ranking reads the few
arrays that it needs.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import DataError
from neurosim.files.atomic import advice, write_atomically
from neurosim.files.sealed import MOST_WORDS

FORMAT = "neurosim-trials-1"
BEGINNING, ENDING = "trials-", ".safetensors"
# Bytes of a hash that names a trial.
BYTES = 12
# Stands where the seed of a trial is to stand: a seed that nobody has.
NO_SEED = 8_765_432_109_876_543_210
NAMES, SEEDS, PARAMETERS, MET = "names", "seeds", "parameters", "met"
_HINT = "It is damaged, or was written by another version: remove it, and what was in it is trained again."
_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, RecursionError, MemoryError, OverflowError)

Around = tuple[str, str]


def around_seed(text: str) -> Around | None:
    """What stands before and after `NO_SEED` in a text; None unless that is there just once."""
    parts = text.split(str(NO_SEED))
    return (parts[0], parts[1]) if len(parts) == 2 else None


@dataclass(frozen=True)
class Pack:
    """Trials that differ only in their seed.

    Attributes
    ----------
    words : mapping
        What they have in common: texts around the seed, the summary but for its numbers, what the model is of.
    arrays : mapping of str to array
        What each has of its own, by trial: ``names``, ``seeds``, ``parameters``, ``met``, ``final.<measure>``,
        ``epochs.<measure>`` (trials, epochs).
    """

    words: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]

    def to_bytes(self) -> list[memoryview | bytes]:
        """The content of its file, in parts."""
        arrays = {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}
        digests = {name: hashlib.sha256(array.data).hexdigest() for name, array in arrays.items()}
        text = json.dumps({"format": FORMAT, **self.words, "sha256": digests}, allow_nan=False)
        header: dict[str, Any] = {
            "__metadata__": {"neurosim": text, "seal": hashlib.sha256(text.encode()).hexdigest()},
        }
        begin = 0
        # Large numbers first: each then begins at a multiple of its size.
        order = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
        for name in order:
            array = arrays[name]
            header[name] = {
                "dtype": _DTYPES[array.dtype.str],
                "shape": list(array.shape),
                "data_offsets": [begin, begin + array.nbytes],
            }
            begin += array.nbytes
        encoded = json.dumps(header).encode()
        encoded += b" " * (-len(encoded) % 8)
        parts = [arrays[name].data.cast("B") for name in order if arrays[name].nbytes]
        return [len(encoded).to_bytes(8, "little") + encoded, *parts]


_DTYPES = {"<f8": "F64", "<f4": "F32", "<i8": "I64", "|u1": "U8", "<u2": "U16", "<u4": "U32"}


def write_pack(folder: Path, pack: Pack) -> Path:
    """Write a pack, whole or not at all; its file is named after its trials, so that copies of it are one."""
    digest = hashlib.sha256(pack.arrays[NAMES].tobytes()).hexdigest()
    path = folder / f"{BEGINNING}{digest[: 2 * BYTES]}{ENDING}"
    write_atomically(path, pack.to_bytes())
    return path


def packs_in(folder: Path) -> list[Path]:
    """The packs in a folder, by name."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return [folder / name for name in sorted(names) if name.startswith(BEGINNING) and name.endswith(ENDING)]


class PackFile:
    """A pack on the disk: its description, and its arrays as they are asked for.

    Raises
    ------
    DataError
        When it cannot be read, is damaged, or has another format; also from its methods.
    """

    def __init__(self, path: Path) -> None:
        import safetensors

        opened: Any = safetensors.safe_open
        self.path = path
        try:
            if not path.is_file():
                raise ValueError("it is not a file")
            with path.open("rb") as file:
                if int.from_bytes(file.read(8), "little") > MOST_WORDS:
                    raise ValueError("its header is too long")
            self._file = opened(path, "numpy")
            given = self._file.metadata() or {}
            text = given["neurosim"]
            if hashlib.sha256(text.encode()).hexdigest() != given["seal"]:
                raise ValueError("its description does not match its checksum")
            self.words: dict[str, Any] = json.loads(text)
            if self.words["format"] != FORMAT:
                raise ValueError(f"its format is {self.words['format']!r}, not {FORMAT!r}")
            self._digests: dict[str, str] = dict(self.words["sha256"])
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror or error}", advice(error)) from error
        except (safetensors.SafetensorError, *_UNREADABLE) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: object) -> DataError:
        return DataError(f"{self.path} is not a readable pack of trials: {error}", _HINT)

    def array(self, name: str) -> NDArray[Any]:
        """An array by its name."""
        import safetensors

        try:
            array: NDArray[Any] = self._file.get_tensor(name)
            if hashlib.sha256(np.ascontiguousarray(array).data).hexdigest() != self._digests[name]:
                raise ValueError(f"{name} does not match its checksum")
        except (safetensors.SafetensorError, *_UNREADABLE) as error:
            raise self._damaged(error) from error
        return array

    @property
    def array_names(self) -> list[str]:
        """Which arrays there are."""
        return list(self._digests)

    def names(self) -> list[str]:
        """The names of its trials."""
        text = self.array(NAMES).tobytes().hex()
        return [text[first : first + 2 * BYTES] for first in range(0, len(text), 2 * BYTES)]

    def seeds(self) -> list[int]:
        """Their seeds."""
        seeds: list[int] = self.array(SEEDS).tolist()
        return seeds

    def finals(self) -> Iterator[dict[str, float | None]]:
        """The final measures of each."""
        order: Sequence[str] = self.words["final"]
        there = {name: self.array(f"final.{name}").tolist() for name in order if f"final.{name}" in self._digests}
        nothing = [None] * len(self.array(SEEDS))
        for values in zip(*(there.get(name, nothing) for name in order), strict=True):
            yield dict(zip(order, values, strict=True))

    def met(self) -> list[bool | None]:
        """Whether each met all that its scenario expects; None where that is nothing."""
        if MET not in self._digests:
            return [None] * len(self.array(SEEDS))
        return [bool(one) for one in self.array(MET)]


def names_bytes(names: Sequence[str]) -> NDArray[np.uint8]:
    """Names of trials as an array, (trials, bytes)."""
    return np.frombuffer(bytes.fromhex("".join(names)), np.uint8).reshape(len(names), BYTES)
