"""Pictures that could not be made: each fails on its own, and the others are made all the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from neurosim.errors import DataError


class Failures(dict[str, Exception]):
    """What was raised while pictures were made, by the name of the picture."""

    @contextmanager
    def kept(self, *pictures: str) -> Iterator[None]:
        """Within this, an exception is kept as the failure of these pictures, and goes no further.

        A file that cannot be written is no picture's failure, and is raised: the next one could not be written either.
        """
        try:
            yield
        except DataError:
            raise
        except Exception as error:
            if self is RAISED:
                raise
            for name in pictures:
                self.setdefault(name, error)


# For callers that want the first failure raised: it keeps nothing.
RAISED = Failures()
