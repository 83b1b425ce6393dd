"""Pictures that could not be made: each fails on its own, and the others are made all the same."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar

from neurosim.errors import DataError


class Failures(dict[str, Exception]):
    """What was raised while pictures were made, by the name of the picture."""

    forgiving: ClassVar[bool] = True

    def kept(self, *pictures: str) -> Kept:
        """A context manager: what is raised in it is kept as the failure of these pictures, and goes no further.

        A file that cannot be written is no picture's failure, and is raised: the next one could not be written either.
        """
        return Kept(self, pictures)


class Unforgiven(Failures):
    """For those who want the first failure raised: nothing is kept."""

    forgiving: ClassVar[bool] = False


@dataclass(frozen=True)
class Kept:
    """What `Failures.kept` gives."""

    failures: Failures
    pictures: tuple[str, ...]

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        kept = self.failures.forgiving and isinstance(error, Exception) and not isinstance(error, DataError)
        if kept and isinstance(error, Exception):
            for name in self.pictures:
                self.failures.setdefault(name, error)
        return kept
