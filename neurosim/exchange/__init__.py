"""A run for other programs: scripts that train its network without neurosim, and ONNX files.

In reading order: `exports` (what is asked for, and the files), `refusals` (what cannot be exported yet); `numpy_script`
with `numpy_layers`, `numpy_losses` and `stored`; `torch_script` with `torch_layers`, `torch_losses` and
`torch_optimizers`; `keras_script` with `keras_layers`; and what they have in common: `telling` (the scenario's words,
settings, loops), `functions` (formulas as code), `randomness` (the orders of rows and the dropout masks), `wording`
(comments and numbers as text).

`onnx_file` writes ONNX, with `onnx_layers` (the layers as operators) and `onnx_graph` (nodes and arrays). `onnx_import`
makes a scenario and a model of a file: `onnx_reading` reads and checks it, `onnx_walk` goes through its graph, and
`onnx_operators`, `onnx_activations` and `onnx_patterns` say what its nodes are here.
"""

from neurosim.exchange.exports import FORMATS, export

__all__ = ["FORMATS", "export"]
