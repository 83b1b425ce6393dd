"""Which plugin an error came from that was raised long after the plugin was loaded."""

from __future__ import annotations

import importlib.metadata
import traceback

from neurosim.plugin.host.causes import cause
from neurosim.plugin.host.files import MODULE_PREFIX
from neurosim.plugin.host.installed import GROUP, distribution_of, module_of, source_of


def raised_by(error: BaseException) -> tuple[str, str] | None:
    """The plugin (the path of its file, or its distribution) in whose code an error was raised, and what it was.

    Code that the plugin calls counts as its own; None where no plugin had a part in it.
    """
    points = importlib.metadata.entry_points(group=GROUP)
    installed = {module_of(point).partition(".")[0]: point for point in points if module_of(point)}
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith(MODULE_PREFIX):
            file = frame.f_code.co_filename
            return file, cause(error, {file: ""})
        point = installed.get(module.partition(".")[0])
        if point is not None:
            return distribution_of(point)[0], cause(error, source_of(point).files)
    return None
