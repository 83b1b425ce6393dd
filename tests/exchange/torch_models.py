"""Twelve small models of PyTorch's, as its exporter writes them; ``python tests/exchange/torch_models.py`` stores them.

The stored files, with rows and PyTorch's outputs for them, are for where PyTorch is not installed.
"""

import io
import warnings
from pathlib import Path

import numpy as np

STORED = Path(__file__).parent / "pytorch"
NAMES = [
    "mlp", "norms", "curves", "gates", "skip", "lenet", "vgg", "projection", "slopes", "colors", "mobile", "resnet",
]  # fmt: skip


def models():
    """The models, ready to answer, and the shape of a row of each."""
    import torch
    from torch import nn

    class Skip(nn.Module):
        def __init__(self, inner, shortcut=None):
            super().__init__()
            self.inner, self.shortcut = inner, shortcut or nn.Identity()

        def forward(self, x):
            return self.inner(x) + self.shortcut(x)

    class View(nn.Module):
        def forward(self, x):
            return x.view(x.size(0), -1)

    class Mean(nn.Module):
        def forward(self, x):
            return x.mean((2, 3))

    def conv(inputs, outputs, **more):
        return nn.Conv2d(inputs, outputs, 3, **{"padding": 1, **more})

    torch.manual_seed(0)
    linear = nn.Linear
    layers = {
        "mlp": [linear(4, 8), nn.ReLU(), linear(8, 3), nn.Softmax(1)],
        "norms": [linear(4, 8), nn.BatchNorm1d(8), nn.GELU(), nn.Dropout(0.3), nn.LayerNorm(8), linear(8, 2)],
        "curves": [linear(3, 6), nn.SiLU(), linear(6, 6, bias=False), nn.ELU(0.5), linear(6, 6), nn.SELU(),
                   linear(6, 6), nn.Softplus(), linear(6, 6), nn.Softplus(beta=2), linear(6, 6),
                   nn.GELU(approximate="tanh"), nn.LeakyReLU(0.2), linear(6, 1), nn.Sigmoid()],
        "gates": [linear(5, 8), nn.GLU(), nn.Tanh(), linear(4, 4), nn.Hardsigmoid(), linear(4, 2)],
        "skip": [Skip(nn.Sequential(linear(4, 6), nn.ReLU(), linear(6, 4))), nn.ReLU(),
                 Skip(nn.Sequential(linear(4, 5), nn.Tanh()), linear(4, 5, bias=False)), linear(5, 2)],
        "lenet": [nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 4, 2), nn.ReLU(), nn.AvgPool2d(2),
                  nn.Flatten(), linear(4, 5), nn.ReLU(), linear(5, 3)],
        "vgg": [conv(1, 4), nn.BatchNorm2d(4), nn.ReLU(), conv(4, 4), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout2d(0.2),
                nn.Flatten(), linear(64, 3), nn.Softmax(-1)],
        "projection": [conv(1, 4), Skip(nn.Sequential(conv(4, 6), nn.ReLU(), conv(6, 6)),
                       nn.Conv2d(4, 6, 1, bias=False)), nn.ReLU(), Skip(conv(6, 6)), nn.AdaptiveAvgPool2d(1),
                       nn.Flatten(), linear(6, 3)],
        "slopes": [conv(2, 4, bias=False), nn.PReLU(4), View(), linear(256, 6), nn.PReLU(), linear(6, 2)],
        "colors": [nn.Conv2d(3, 5, 2, stride=2), nn.Tanh(), Mean(), linear(5, 4)],
        "mobile": [conv(1, 4, stride=2), nn.BatchNorm2d(4), nn.ReLU(), conv(4, 4, groups=4), nn.Conv2d(4, 6, 1),
                   conv(6, 4, groups=2, dilation=2, padding=(2, 1)), nn.MaxPool2d(3, 2, 1, ceil_mode=True),
                   nn.AvgPool2d(2, 1, 1), nn.Flatten(), linear(48, 3)],
        "resnet": [conv(1, 4, bias=False), nn.BatchNorm2d(4), nn.ReLU(),
                   Skip(nn.Sequential(conv(4, 6, stride=2, bias=False), nn.BatchNorm2d(6), nn.ReLU(),
                                      conv(6, 6, bias=False), nn.BatchNorm2d(6)),
                        nn.Sequential(nn.Conv2d(4, 6, 1, stride=2, bias=False), nn.BatchNorm2d(6))),
                   nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear(6, 3)],
    }  # fmt: skip
    shapes = {"mlp": (4,), "norms": (4,), "curves": (3,), "gates": (5,), "skip": (4,), "slopes": (2, 8, 8)}
    shapes |= {"colors": (3, 8, 8)}
    for name in NAMES:
        model = nn.Sequential(*layers[name])
        # Statistics as after some training.
        for shape in [(16, *shapes.get(name, (1, 8, 8)))] * 3:
            model.train()(torch.randn(shape) * 2 + 1)
        yield name, model.eval(), shapes.get(name, (1, 8, 8))


def exported():
    """Name, file, rows, and what PyTorch makes of them, for each model."""
    import torch

    for name, model, shape in models():
        rows, file = torch.randn(20, *shape), io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                model, rows[:1], file, input_names=["x"], output_names=["y"], dynamic_axes={"x": {0: "rows"}},
                opset_version=17, dynamo=False,
            )  # fmt: skip
        with torch.no_grad():
            yield name, file.getvalue(), rows.numpy(), model(rows).numpy()


def stored():
    """The same from the stored files."""
    arrays = np.load(STORED / "rows.npz")
    for name in NAMES:
        yield name, (STORED / f"{name}.onnx").read_bytes(), arrays[f"{name}.x"], arrays[f"{name}.y"]


if __name__ == "__main__":
    STORED.mkdir(exist_ok=True)
    found = {}
    for name, content, rows, outputs in exported():
        (STORED / f"{name}.onnx").write_bytes(content)
        found |= {f"{name}.x": rows, f"{name}.y": outputs}
    np.savez_compressed(STORED / "rows.npz", **found)
