"""Safetensors files that notice every flipped bit: a checksum of each tensor and one of the whole file.

Safetensors checks shapes and bounds, not contents. Here the metadata has the SHA-256 of each tensor, to name
the one that is damaged, and that of the whole file, computed with zeros in its own place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import DataError

_UNSEALED = b"0" * 64
# As it stands in a header: a JSON text within a JSON text.
_SEAL = rb"\"seal\": \""


def seal(tensors: Mapping[str, NDArray[Any]], description: Mapping[str, Any]) -> bytes:
    """The content of a file with `tensors` and `description`; the same give the same bytes."""
    import safetensors.numpy

    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    words = {
        "seal": _UNSEALED.decode(),
        **{key: value for key, value in description.items() if key not in ("seal", "sha256")},
        "sha256": {name: _sha256(array) for name, array in arrays.items()},
    }
    # One entry: safetensors writes several in an order that changes from process to process.
    content = safetensors.numpy.save(arrays, {"neurosim": json.dumps(words)})
    place = content.index(_SEAL) + len(_SEAL)
    return _with_seal(content, place, hashlib.sha256(content).hexdigest().encode())


def unseal(path: Path, what: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The tensors and the description of a file that `seal` made; `what` is said of it where it cannot be read.

    Raises
    ------
    DataError
        When it is missing, no such file, or any bit of it is not as it was written.
    """
    import safetensors
    import safetensors.numpy

    try:
        content = path.read_bytes()
        header = content[8 : 8 + int.from_bytes(content[:8], "little")]
        place = header.find(_SEAL) + 8 + len(_SEAL)
        found = content[place : place + 64]
        if _SEAL not in header:
            raise ValueError("it has no checksum of neurosim")
        if hashlib.sha256(_with_seal(content, place, _UNSEALED)).hexdigest().encode() != found:
            raise ValueError("its content does not match its checksum")
        tensors = safetensors.numpy.load(content)
        words = json.loads(json.loads(header)["__metadata__"]["neurosim"])
        digests = dict(words["sha256"])
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise DataError(f"{path} is not a readable {what}: {error}") from error
    damaged = [
        name for name in {**digests, **tensors} if name not in tensors or digests.get(name) != _sha256(tensors[name])
    ]
    if damaged:
        raise DataError(f"{path} is not a readable {what}: {damaged[0]} does not match its checksum")
    return tensors, words


def _with_seal(content: bytes, place: int, digest: bytes) -> bytes:
    return content[:place] + digest + content[place + len(digest) :]


def _sha256(array: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
