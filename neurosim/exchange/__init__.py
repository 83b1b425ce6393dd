"""A run for other programs: scripts that train its network without neurosim, and ONNX files.

In reading order: `exports` (what is asked for, and the files), `refusals` (what cannot be exported yet); `numpy_script`
with `numpy_layers`, `numpy_losses` and `stored`; `torch_script` with `torch_layers`, `torch_losses` and
`torch_optimizers`; and what they have in common: `telling` (the scenario's words, settings, loops), `functions`
(formulas as code), `randomness` (the orders of rows and the dropout masks), `wording` (comments and numbers as text).
`onnx_file` writes ONNX, with `onnx_layers` (the layers as operators) and `onnx_graph` (nodes and arrays).
"""

from neurosim.exchange.exports import FORMATS, export

__all__ = ["FORMATS", "export"]
