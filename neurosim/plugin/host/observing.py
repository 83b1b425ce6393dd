"""Calling the functions of an observer, and what they have to return."""

from __future__ import annotations

from collections.abc import Sequence

from neurosim.errors import DataError
from neurosim.plugin.host.calls import blaming, wrong
from neurosim.plugin.run_records import Progress, RunObserver
from neurosim.printable import escaped

LONGEST = 500


def tell(record: RunObserver, params: Sequence[float], role: str, progress: Progress) -> str | None:
    """Call the function that an observer has for `role`, if any; returns its reason to stop, if it has one.

    Raises
    ------
    PluginError
        When the function raises an error, or returns something else.
    DataError
        When the function raises that one: a file or a service could not be used, and the plugin is sound.
    """
    function = record.functions.get(role)
    if function is None:
        return None
    doing = f"after epoch {progress.epoch}" if progress.epoch else "before the first epoch"
    with blaming(record, function, doing, besides=(DataError,)):
        reason = function(progress, *params)
    if reason is None:
        return None
    if role != "epoch":
        raise wrong(record, function, f"returns {reason!r:.60}", "Only its function epoch may stop the run.")
    if record.log:
        raise wrong(record, function, f"returns {reason!r:.60}", "It has log=True, and a log stops no run.")
    if not isinstance(reason, str) or not reason.strip():
        hint = "To stop the run, return the reason as text; to go on, return nothing."
        raise wrong(record, function, f"returns {reason!r:.60}", hint)
    return escaped(" ".join(reason.split()), LONGEST)
