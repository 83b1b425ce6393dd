"""Memory that is set aside while a command runs: where it runs out, enough is left to keep what there is and say so."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager

SIZE = 2 << 20
_reserve: list[bytearray] = []


@contextmanager
def reserve() -> Iterator[None]:
    """Within this, `SIZE` bytes are set aside."""
    _reserve.append(bytearray(SIZE))
    try:
        yield
    finally:
        _reserve.clear()


def make_room(error: BaseException) -> None:
    """If memory has run out, set free what was set aside, and what was being worked on when the error was raised."""
    ended = memory_ended(error)
    if ended is not None:
        _reserve.clear()
        import traceback

        traceback.clear_frames(ended.__traceback__)
        traceback.clear_frames(error.__traceback__)


def require_memory(size: int, purpose: str) -> None:
    """Raise MemoryError unless `size` bytes can be had now; none is kept.

    For work that is done by libraries which crash or hang, rather than say so, once memory has run out.
    """
    try:
        # Pages that nothing is written to cost nothing.
        mmap.mmap(-1, size).close()
    except (OSError, ValueError) as error:
        raise MemoryError(f"{purpose} needs {size >> 20} MiB") from error


def memory_ended(error: BaseException | None) -> MemoryError | None:
    """The error itself if it is a MemoryError, or the one that was being handled when it was raised; None for others.

    Cleaning up once memory has run out, such as closing a half-written file, can fail in its own ways.
    """
    while error is not None and not isinstance(error, MemoryError):
        error = error.__context__
    return error
