"""``neurosim import``: what it writes is there for ``info`` and ``predict``."""

import json

import numpy as np

import neurosim as package
from neurosim.exchange.onnx_file import onnx_files


def test_a_network_comes_in(neurosim, tmp_path):
    network = package.Simulator("iris", backend="reference")
    (tmp_path / "flowers.onnx").write_bytes(onnx_files(network)[".onnx"])
    done = neurosim("import", "flowers.onnx", "--out", "flowers")
    assert done.code == 0, done.err
    assert done.out.splitlines() == ["2 layers, 131 parameters", "flowers/network.toml", "flowers/model.safetensors"]
    (tmp_path / "rows.csv").write_text(",".join(network.data.feature_names) + "\n5.1,3.5,1.4,0.2\n")
    told = json.loads(neurosim("predict", "flowers", "--data", "rows.csv", "--backend", "reference", "--json").out)
    assert told["classes"] == ["setosa", "versicolor", "virginica"]
    ours = network.forward(network.data.to_input(np.array([[5.1, 3.5, 1.4, 0.2]])))
    np.testing.assert_allclose(told["predictions"][0]["outputs"], ours[0], atol=1e-6)
    assert "131" in neurosim("info", "flowers/network.toml").out
    folder = package.import_onnx(tmp_path / "flowers.onnx", tmp_path / "again")
    assert package.load_model(folder, backend="reference").predict([[5.1, 3.5, 1.4, 0.2]]) == [
        told["predictions"][0]["class"]
    ]
    done = neurosim("import", "flowers.onnx", "--out", "flowers")
    assert (done.code, "flowers is there already" in done.err) == (2, True)
    (tmp_path / "no.onnx").write_bytes(b"no")
    done = neurosim("import", "no.onnx", "--out", "no")
    assert (done.code, "Error: this ONNX file cannot be imported: it is damaged" in done.err) == (2, True)
    assert neurosim("import", "none.onnx", "--out", "no").code == 3
