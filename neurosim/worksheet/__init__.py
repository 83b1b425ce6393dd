"""A training step as a worksheet: every number of its four phases, for one sample.

Reading order: `blocks` (what a worksheet is made of), `step` (the numbers), `names` (what they are called, and which
are shown), the phases `forward`, `losses`, `backward` and `update`, the `check` at the end, `separation` for
perceptrons; `tracing` writes out an author's formula; `sheet` prints all of it as `text`, `markdown` or `html`.
"""

from neurosim.worksheet.explanation import explain
from neurosim.worksheet.sheet import Sheet

__all__ = ["Sheet", "explain"]
