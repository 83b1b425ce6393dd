"""The source text of derivatives that neurosim has worked out."""

from __future__ import annotations

from typing import Any

from neurosim.errors import PluginError
from neurosim.formulas.derivatives import source_of
from neurosim.plugin import Activation, Loss, RowActivation


def derived_source(record: Any) -> str:
    """What is derived for `record`, as text; empty if the author provided it, or if there is no derivative."""
    left_out = (
        (isinstance(record, Activation) and record.df is None)
        or (isinstance(record, RowActivation) and record.backward is None)
        or (isinstance(record, Loss) and record.gradient is None)
    )
    if not left_out:
        return ""
    try:
        return source_of(record.derivative)
    except PluginError:  # the check of the formula says why
        return ""
