"""Where ``neurosim run`` draws its pictures."""

from __future__ import annotations

import os

import click

from neurosim.plots.studio import Studio


def drawing(*, silent: bool) -> Studio:
    """A studio, with a process of its own if that saves time: on the command line, with a second processor."""
    options = click.get_current_context().obj or {}
    helpers = bool(options.get("helper processes")) and not silent and (os.cpu_count() or 1) > 1
    return Studio(own_process=helpers)
