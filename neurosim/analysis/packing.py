"""Facts as bytes, for the process that draws: dataclasses of plain data and arrays, without pickle.

The skeleton is JSON in an npz archive, with the arrays beside it. Only the classes that the reader names are made.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.training.history import History

# Keys of the skeleton that stand for something other than a mapping.
_CLASS, _ARRAY, _TUPLE, _HISTORY = "!class", "!array", "!tuple", "!history"


def pack(value: object) -> bytes:
    """A value as an npz archive; raises TypeError for what is not plain data."""
    arrays: dict[str, NDArray[Any]] = {}
    skeleton = json.dumps(_flatten(value, arrays))
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, skeleton=np.array(skeleton), **arrays)
    return buffer.getvalue()


class _Classes(dict[str, type]):
    """Classes by their names, looked through no further than to the one that is asked for."""

    def __init__(self, classes: Iterable[type]) -> None:
        super().__init__()
        self._more = iter(classes)

    def __missing__(self, name: str) -> type:
        for found in self._more:
            self[found.__name__] = found
            if found.__name__ == name:
                return found
        raise KeyError(name)


def unpack(content: bytes, classes: Iterable[type]) -> Any:
    """The value again; `classes` are the dataclasses that may be in it.

    They are taken one by one, no more of them than it takes: each may have to be loaded first.
    """
    known = _Classes(classes)
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return _restore(json.loads(str(arrays.pop("skeleton"))), arrays, known)


def _flatten(value: object, arrays: dict[str, NDArray[Any]]) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        # NumPy's numbers are Python numbers too, but JSON does not know all of them.
        return value.item() if isinstance(value, np.generic) else value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        name = f"array {len(arrays)}"
        arrays[name] = value
        return {_ARRAY: name}
    if isinstance(value, History):
        return {_HISTORY: _flatten(list(value), arrays)}
    if is_dataclass(value) and not isinstance(value, type):
        entries = {entry.name: _flatten(getattr(value, entry.name), arrays) for entry in fields(value)}
        return {_CLASS: type(value).__name__, **entries}
    if isinstance(value, tuple):
        return {_TUPLE: [_flatten(entry, arrays) for entry in value]}
    if isinstance(value, list):
        return [_flatten(entry, arrays) for entry in value]
    if isinstance(value, Mapping):
        return {str(key): _flatten(entry, arrays) for key, entry in value.items()}
    raise TypeError(f"{type(value).__name__} is not plain data")


def _restore(found: Any, arrays: Mapping[str, NDArray[Any]], known: Mapping[str, type]) -> Any:
    if isinstance(found, list):
        return [_restore(entry, arrays, known) for entry in found]
    if not isinstance(found, dict):
        return found
    if _ARRAY in found:
        return arrays[found[_ARRAY]]
    if _TUPLE in found:
        return tuple(_restore(entry, arrays, known) for entry in found[_TUPLE])
    if _HISTORY in found:
        return History(_restore(found[_HISTORY], arrays, known))
    entries = {key: _restore(entry, arrays, known) for key, entry in found.items() if key != _CLASS}
    return known[found[_CLASS]](**entries) if _CLASS in found else entries
