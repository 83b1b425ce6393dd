"""A run in the words of other programs: scripts that train its network without neurosim.

In reading order: `exports` (what is asked for, and the files), `refusals` (what cannot be exported yet), `numpy_script`
with `numpy_layers`, and what they have in common: `wording` (comments and numbers as text), `functions` (formulas
as code), `losses`, `randomness` (the orders of rows and the dropout masks).
"""

from neurosim.exchange.exports import FORMATS, export

__all__ = ["FORMATS", "export"]
