"""A training step as a worksheet: every number of the four phases, for one sample of the user's own network.

Reading order: `sheet` (what a worksheet is made of), `step` (the numbers), `names` (what they are called, and which
are shown), the phases `forward`, `losses`, `backward` and `update`, the `check` at the end, `separation` for
perceptrons; `tracing` writes out an author's formula; `text`, `markdown` and `html` are three ways to print a sheet.
"""

from neurosim.worksheet.explanation import explain
from neurosim.worksheet.sheet import Sheet

__all__ = ["Sheet", "explain"]
