"""Before a run is resumed: whether what is trained in its folder belongs to what would be trained now.

What is trained to its end stays what it is. A table that set it beside networks with other settings, rows or plugins
would lie, so not even --force makes one. Last bits are another matter: they are shown, and with --force the table says
which networks were made with what. What is not trained to its end is compared by its checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from neurosim.printable import quoted
from neurosim.runs.belonging import changes, together
from neurosim.runs.folder import FAILURE
from neurosim.runs.identity import FINISHED, Identity, another_run
from neurosim.runs.reading import trained_in
from neurosim.runs.resuming import is_finished
from neurosim.runs.texts import is_there


def refuse_another_finished(folder: Path, now: Identity) -> None:
    """Raise UsageError where a finished run, which may lack only pictures or its page, does not belong to `now`."""
    found = changes(folder, trained_in(folder).beside(now), now)
    if found:
        raise another_run(
            folder,
            found.all_lines,
            f"Undo the change; {FINISHED}\n"
            f"neurosim report {quoted(folder)} --force  writes its page all the same and says what is mixed.",
        )


def refuse_other_members(folder: Path, members: Iterable[tuple[str, Path, Identity]], *, force: bool) -> None:
    """Raise UsageError where networks of a study that have ended are not what they would be now.

    Parameters
    ----------
    folder : Path
        The study.
    members : iterable of (str, Path, Identity)
        What each network is called, its folder, and what it would belong to here and now.
    force : bool
        Go on if only last bits may differ, and with networks that diverged.
    """
    all_members = list(members)
    ended = [
        (label, path, now)
        for label, path, now in all_members
        if is_finished(path) or (is_there(path / FAILURE) and not force)
    ]
    # If nothing is left to be trained, it is only read.
    bits = len(ended) < len(all_members) and not force
    was = [(label, path, trained_in(path).beside(now), now) for label, path, now in ended]
    found = together(folder, [(label, changes(path, then, now, bits=bits)) for label, path, then, now in was])
    if found:
        only_bits = not any(changes(path, then, now) for _, path, then, now in was)
        how = (
            "Go on with the versions and machine it was begun with, or all the same with --force: the table then says "
            "what differs."
            if only_bits
            else f"Undo the change; {FINISHED}"
        )
        raise another_run(folder, found.all_lines, how)
