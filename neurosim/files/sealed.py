"""Safetensors files in which every flipped bit is detected: a checksum for each tensor and one for the whole file.

Safetensors checks shapes and bounds, not contents. Here the metadata contains the SHA-256 of each tensor, to name a
damaged one, and that of the whole file, computed with zeros in its own place.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import DataError
from neurosim.files.atomic import advice
from neurosim.files.inputs import open_ordinary

_CHANGED = "It is damaged, or not a neurosim file: restore a copy, or train again."
_UNSEALED = b"0" * 64
# As it appears in a header: a JSON text within a JSON text.
_SEAL = rb"\"seal\": \""
# Safetensors itself refuses longer headers.
MOST_WORDS = 100_000_000
MOST_BRACKETS = 1 << 20
# Errors raised by a damaged header, besides safetensors' own.
_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, RecursionError, MemoryError)


def seal(tensors: Mapping[str, NDArray[Any]], description: Mapping[str, Any]) -> bytes:
    """The content of a file with `tensors` and `description`; equal arguments give equal bytes."""
    import safetensors.numpy

    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    words = {
        "seal": _UNSEALED.decode(),
        **{key: value for key, value in description.items() if key not in ("seal", "sha256")},
        "sha256": {name: _sha256(array) for name, array in arrays.items()},
    }
    # A single entry: safetensors writes several in an order that varies between processes.
    content = safetensors.numpy.save(arrays, {"neurosim": json.dumps(words)})
    place = content.index(_SEAL) + len(_SEAL)
    return content[:place] + hashlib.sha256(content).hexdigest().encode() + content[place + len(_UNSEALED) :]


def unseal(
    path: Path, what: str, most_words: int = MOST_WORDS, largest: int | None = None
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The tensors and the description of a file that `seal` made; `what` names it in messages.

    A file of more than `largest` bytes, or with a header longer than `most_words` bytes, is not read.

    Raises
    ------
    DataError
        If it is missing, not such a file, or any bit differs from what was written.
    """
    import safetensors
    import safetensors.numpy

    try:
        with open_ordinary(path) as file:
            content = _read(file, most_words, largest)
        length = int.from_bytes(content[:8], "little")
        place = content.find(_SEAL, 8, 8 + length) + len(_SEAL)
        if place < 8 + len(_SEAL):
            raise ValueError("it has no neurosim checksum")
        if _sealing(content, place) != content[place : place + 64]:
            raise ValueError("its content does not match its checksum")
        tensors = safetensors.numpy.load(content)
        words = _parsed(_parsed(content[8 : 8 + length].decode())["__metadata__"]["neurosim"])
        digests = dict(words["sha256"])
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}", advice(error)) from error
    except (safetensors.SafetensorError, *_UNREADABLE) as error:
        raise DataError(f"{path} is not a readable {what}: {error}", _CHANGED) from error
    damaged = [
        name for name in {**digests, **tensors} if name not in tensors or digests.get(name) != _sha256(tensors[name])
    ]
    if damaged:
        raise DataError(f"{path} is not a readable {what}: {damaged[0]} does not match its checksum", _CHANGED)
    return tensors, words


def damaged_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """The tensors of such a file whether or not they are what was written; none where not even the header is whole.

    To say where a file differs from another one, and for nothing else.
    """
    import safetensors
    import safetensors.numpy

    try:
        with open_ordinary(path) as file:
            return dict(safetensors.numpy.load(_read(file, MOST_WORDS, None)))
    except (OSError, safetensors.SafetensorError, *_UNREADABLE):
        return {}


def _read(file: BinaryIO, most_words: int, largest: int | None) -> bytes:
    """All bytes of a file, after checking its length and that of its header."""
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if length > most_words:
        raise ValueError(f"its header claims to have {length} bytes, more than the {most_words} that are read")
    if largest is not None and size > largest:
        raise ValueError(f"it has {size} bytes, more than the {largest} that are read")
    file.seek(0)
    return file.read(size)


def _parsed(text: str) -> Any:
    """The parsed JSON text; raises ValueError if it cannot be read, or contains too much."""
    # An empty list takes twenty times as much memory as its text.
    brackets = text.count("[") + text.count("{")
    if brackets > MOST_BRACKETS:
        raise ValueError(f"its header has {brackets} lists and objects, more than the {MOST_BRACKETS} that are read")
    return json.loads(text)


def _sealing(content: bytes, place: int) -> bytes:
    """The checksum of the whole file, with zeros in its own place."""
    view = memoryview(content)
    digest = hashlib.sha256(view[:place])
    digest.update(_UNSEALED)
    digest.update(view[place + len(_UNSEALED) :])
    return digest.hexdigest().encode()


def _sha256(array: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
