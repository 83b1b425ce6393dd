"""ONNX files of networks, and what two runtimes that we have not written make of them."""

import numpy as np
import onnx
import onnx.reference
import onnxruntime
from scripts import PLUGINS

import neurosim
from neurosim.exchange.onnx_file import onnx_files

# What float32 may leave.
CLOSE = 1e-5
onnxruntime.set_default_logger_severity(3)


def all_plugins():
    """The built-ins and every plugin of the repository that has formulas of a network."""
    files = [
        "neurosim-focal/neurosim_focal",
        "neurosim-lion/neurosim_lion",
        "neurosim-mish/neurosim_mish",
        "neurosim-snake/neurosim_snake",
        "neurosim-sparsemax/neurosim_sparsemax",
        "gaussian",
        "pade",
    ]
    return neurosim.build_registry([PLUGINS / f"{name}.py" for name in files], entry_points=False)


def raw_rows(network, count):
    """Rows in the units of the data, about as they are there."""
    inputs = np.random.default_rng(0).normal(size=(count, network.data.raw_features))
    if network.data.made is not None:
        return inputs.astype(np.float32)
    return network.data.to_raw(inputs).astype(np.float32)


def answers(content, raw):
    """What onnxruntime gives for rows, by the names of the outputs."""
    session = onnxruntime.InferenceSession(content)
    (given,) = session.get_inputs()
    found = session.run(None, {given.name: raw.reshape(-1, *given.shape[1:])})
    return dict(zip([entry.name for entry in session.get_outputs()], found, strict=True))


def agrees(network, count=16, evaluated=16):
    """Whether onnxruntime, and for some rows ONNX's reference, give what the network gives; returns the model."""
    raw = raw_rows(network, count)
    ours = network.forward(network.data.to_input(raw))
    (content,) = onnx_files(network).values()
    model = onnx.load_model_from_string(content)
    what = str([layer.kind for layer in network.network.parts])
    theirs = answers(content, raw)["outputs"]
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=CLOSE, err_msg=what)
    (given,) = model.graph.input
    shape = [size.dim_value for size in given.type.tensor_type.shape.dim[1:]]
    rows = raw[:evaluated].reshape(-1, *shape)
    found = onnx.reference.ReferenceEvaluator(model).run(None, {given.name: rows})
    np.testing.assert_allclose(found[0], ours[:evaluated], rtol=0, atol=CLOSE, err_msg=what)
    return model
