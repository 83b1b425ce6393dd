"""The networks of `support` as PyTorch modules, in float64, read from the test's own list of layers.

Nothing of neurosim's shapes, windows or parameters is used, so that a mistake there shows. Names are
neurosim's; arrays are turned from PyTorch's layout (channels first, weight (units, inputs) and (channels
out, channels in, height, width)) into neurosim's.
"""

import numpy as np
import torch
from support import (
    Activation,
    BatchNorm,
    Concatenation,
    Conv2d,
    Dense,
    Dropout,
    Frozen,
    Gated,
    GlobalAvgPool,
    LayerNorm,
    Maxout,
    Pool,
    Residual,
)
from torch import nn
from torch.nn import functional

ACTIVATIONS = {
    "identity": nn.Identity,
    "gelu": nn.GELU,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "softmax": lambda: nn.Softmax(dim=1),
    "softplus": nn.Softplus,
    "swish": nn.SiLU,
    "tanh": nn.Tanh,
}


class LearnableSwish(nn.Module):
    """x sigmoid(beta x) with one beta, or one for each channel."""

    def __init__(self, count):
        super().__init__()
        self.beta = nn.Parameter(torch.ones(count))

    def forward(self, x):
        return x * torch.sigmoid(self.beta.reshape(-1, *[1] * (x.ndim - 2)) * x)


LEARNING = {"prelu": nn.PReLU, "learnable_swish": LearnableSwish}


def activation(given, width):
    """The module of an activation as a test's layer has it, for this many units or channels."""
    name, _, per = given if isinstance(given, tuple) else (given, None, "layer")
    return LEARNING[name](width if per == "unit" else 1) if name in LEARNING else ACTIVATIONS[name]()


def same_padding(size, kernel, stride, dilation=1):
    """Cells before and after, so that there are size / stride outputs, rounded up; one more cell after."""
    outputs = (size + stride - 1) // stride
    cells = max((outputs - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return cells // 2, cells - cells // 2


class Padded(nn.Module):
    """A windowed module with "same" padding for any stride, or given sides: cells of `value`, then the module."""

    def __init__(self, module, padding, *sizes, value=0.0):
        super().__init__()
        self.module, self.padding, self.sizes, self.value = module, padding, sizes, value

    def forward(self, x):
        if self.padding == "same":
            edges = [same_padding(size, *how) for size, *how in zip(x.shape[2:], *self.sizes, strict=True)]
        else:
            edges = self.padding[:2], self.padding[2:]
        (top, bottom), (left, right) = edges
        return self.module(functional.pad(x, (left, right, top, bottom), value=self.value))


class MeanOfCells(nn.Module):
    """Mean of the cells of the map under each window: their sum through their number."""

    def __init__(self, size, stride, padding):
        super().__init__()
        pool = nn.AvgPool2d(size, stride, divisor_override=1)
        self.sum = pool if padding == "valid" else Padded(pool, padding, size, stride)

    def forward(self, x):
        return self.sum(x) / self.sum(torch.ones_like(x))


class ChannelNorm(nn.Module):
    """Layer normalization over the channels of each position."""

    def __init__(self, channels):
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x):
        return self.norm(x.movedim(1, -1)).movedim(-1, 1)


class ChannelsLast(nn.Module):
    """Flatten in the order height, width, channels."""

    def forward(self, x):
        return x.movedim(1, -1).flatten(1)


class Skip(nn.Module):
    """Layers with a skip around them: a projection, or layers of a shortcut."""

    def __init__(self, layers, skip):
        super().__init__()
        self.layers, self.skip = layers, skip

    def forward(self, x):
        return self.layers(x) + self.skip(x)


class Kept(nn.Module):
    """A module that is always evaluated."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def train(self, mode=True):
        return super().train(False)

    def forward(self, x):
        return self.module(x)


class Branches(nn.Module):
    """Branches whose channels follow each other."""

    def __init__(self, branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class Halves(nn.Module):
    """A gate of the two halves of a row."""

    GATES = {  # noqa: RUF012
        "bilinear": lambda u, v: u * v,
        "reglu": lambda u, v: u * functional.relu(v),
        "geglu": lambda u, v: u * functional.gelu(v),
        "swiglu": lambda u, v: u * functional.silu(v),
        "gated_tanh": lambda u, v: torch.tanh(u) * torch.sigmoid(v),
    }

    def __init__(self, gate):
        super().__init__()
        self.gate = gate

    def forward(self, x):
        return self.GATES[self.gate](*x.chunk(2, dim=1))


class LargestOfParts(nn.Module):
    """Maxout: number by number the largest of the parts of a row."""

    def __init__(self, pieces):
        super().__init__()
        self.pieces = pieces

    def forward(self, x):
        return x.unflatten(1, (self.pieces, -1)).max(dim=1).values


def _conv(spec, channels):
    how = {"dilation": spec.dilation, "groups": spec.groups, "bias": spec.bias}
    if spec.padding == "same" and spec.stride == (1, 1):
        return nn.Conv2d(channels, spec.channels, spec.kernel, padding="same", **how)
    if isinstance(spec.padding, int) or len(spec.padding) == 2:
        return nn.Conv2d(channels, spec.channels, spec.kernel, spec.stride, spec.padding, **how)
    conv = nn.Conv2d(channels, spec.channels, spec.kernel, spec.stride, **how)
    return conv if spec.padding == "valid" else Padded(conv, spec.padding, spec.kernel, spec.stride, spec.dilation)


def _pool(spec):
    stride = spec.stride or spec.size
    odd = all(size % 2 for size in spec.size)
    around = 0 if spec.padding == "valid" else spec.padding
    if around == "same" and stride == (1, 1) and odd and spec.kind == "avg":
        around = tuple(size // 2 for size in spec.size)
    if isinstance(around, int) or len(around) == 2:
        how = {"padding": around, "ceil_mode": spec.ceil}
        if spec.kind == "avg":
            return nn.AvgPool2d(spec.size, stride, count_include_pad=spec.count_padding, **how)
        return nn.MaxPool2d(spec.size, stride, dilation=spec.dilation, **how)
    if spec.kind == "avg":
        if spec.count_padding:
            return Padded(nn.AvgPool2d(spec.size, stride), spec.padding, spec.size, stride)
        return MeanOfCells(spec.size, stride, spec.padding)
    pool = nn.MaxPool2d(spec.size, stride, dilation=spec.dilation)
    return Padded(pool, spec.padding, spec.size, stride, spec.dilation, value=-torch.inf)


def _residual(spec, shape):
    """The group, with a projection where the shape changes: as far as the strides inside go."""
    layers, after = _stack(spec.layers, shape)
    if spec.shortcut:
        return Skip(layers, _stack(spec.shortcut, shape)[0]), after
    projection = nn.Identity()
    if after != shape:
        if len(shape) == 1:
            projection = nn.Linear(*shape, *after, bias=False)
        else:
            strides = [
                inner.stride or inner.size if isinstance(inner, Pool) else inner.stride
                for inner in spec.layers
                if isinstance(inner, Conv2d | Pool)
            ]
            steps = tuple(int(step) for step in np.prod(strides, axis=0))
            projection = nn.Conv2d(shape[0], after[0], 1, steps, bias=False)
    return Skip(layers, projection), after


def _module(spec, shape):
    """The module of one layer for inputs of this shape (channels first)."""
    if isinstance(spec, Dense):
        return nn.Sequential(nn.Linear(*shape, spec.units, bias=spec.bias), activation(spec.activation, spec.units))
    if isinstance(spec, Conv2d):
        return nn.Sequential(_conv(spec, shape[0]), activation(spec.activation, spec.channels))
    if isinstance(spec, Pool):
        return _pool(spec)
    if isinstance(spec, GlobalAvgPool):
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    if isinstance(spec, BatchNorm):
        return (nn.BatchNorm1d if len(shape) == 1 else nn.BatchNorm2d)(shape[0], momentum=spec.momentum)
    if isinstance(spec, LayerNorm):
        return ChannelNorm(shape[0])
    if isinstance(spec, Gated):
        return nn.GLU(dim=1) if spec.gate == "glu" else Halves(spec.gate)
    if isinstance(spec, Maxout):
        return LargestOfParts(spec.pieces)
    if isinstance(spec, Activation):
        return activation(spec.activation, shape[0])
    if isinstance(spec, Dropout):
        return nn.Identity()
    return ChannelsLast()


def _stack(specs, shape):
    """Modules in a row, and the shape that leaves them, as a map of ones tells it."""
    modules = []
    for spec in specs:
        if isinstance(spec, Frozen):
            found, shape = _stack([spec.layer], shape)
            module = Kept(found[0]).requires_grad_(False)
        elif isinstance(spec, Residual):
            module, shape = _residual(spec, shape)
        elif isinstance(spec, Concatenation):
            found = [_stack(branch, shape) for branch in spec.branches]
            module = Branches([branch for branch, _ in found])
            shape = (sum(after[0] for _, after in found), *found[0][1][1:])
        else:
            module = _module(spec, shape).double()
            with torch.no_grad():
                shape = tuple(module.eval()(torch.ones(1, *shape, dtype=torch.float64)).shape[1:])
        modules.append(module.train())
    return nn.Sequential(*modules).double(), shape


def _entries(stack, prefix="layers"):
    """Parameters and statistics by neurosim's name, in neurosim's order: (name, tensor)."""
    for index, module in enumerate(stack):
        name = f"{prefix}.{index}"
        if isinstance(module, Kept):
            module = module.module
        if isinstance(module, Skip):
            yield from _entries(module.layers, f"{name}.layers")
            if isinstance(module.skip, nn.Sequential):
                yield from _entries(module.skip, f"{name}.shortcut")
            elif hasattr(module.skip, "weight"):
                yield f"{name}.projection.weight", module.skip.weight
            continue
        if isinstance(module, Branches):
            for place, branch in enumerate(module.branches):
                yield from _entries(branch, f"{name}.branches.{place}")
            continue
        for part in module.modules():
            if isinstance(part, nn.Linear | nn.Conv2d):
                yield f"{name}.weight", part.weight
                if part.bias is not None:
                    yield f"{name}.bias", part.bias
            elif isinstance(part, nn.PReLU):
                yield f"{name}.alpha", part.weight
            elif isinstance(part, LearnableSwish):
                yield f"{name}.beta", part.beta
            elif isinstance(part, nn.LayerNorm | nn.BatchNorm1d | nn.BatchNorm2d):
                yield f"{name}.gamma", part.weight
                yield f"{name}.beta", part.bias
                if not isinstance(part, nn.LayerNorm):
                    yield f"{name}.mean", part.running_mean
                    yield f"{name}.variance", part.running_var


def _ours(tensor):
    """An array in neurosim's layout."""
    if tensor.ndim == 4:
        return tensor.detach().permute(2, 3, 1, 0).numpy()
    return tensor.detach().numpy().T


def _theirs(array):
    array = torch.tensor(np.ascontiguousarray(array), dtype=torch.float64)
    return array.permute(3, 2, 0, 1) if array.ndim == 4 else array.T if array.ndim == 2 else array


class TorchNetwork:
    """One network, its parameters and statistics by neurosim's names and in its layout.

    `inputs` and `layers` are those of `support.network`.
    """

    def __init__(self, inputs, layers):
        self.shape = (inputs,) if isinstance(inputs, int) else inputs
        first = self.shape if len(self.shape) == 1 else (self.shape[2], *self.shape[:2])
        self.stack, _ = _stack(layers, first)
        tensors = dict(sorted(_entries(self.stack), key=lambda entry: not entry[1].requires_grad))
        self.parameters = {name: entry for name, entry in tensors.items() if isinstance(entry, nn.Parameter)}
        self.statistics = {name: entry for name, entry in tensors.items() if name not in self.parameters}
        specs = [(name, spec) for name, spec in walk(layers) if isinstance(spec, Dense | Conv2d)]
        self.penalties = [(self.parameters[f"{name}.weight"], spec) for name, spec in specs]

    def set(self, values):
        """Take over parameters and statistics by name."""
        with torch.no_grad():
            for name, tensor in (self.parameters | self.statistics).items():
                tensor.copy_(_theirs(values[name]))

    def outputs(self, features, *, training=False):
        """(rows, outputs), channels last, for features (rows, inputs)."""
        x = torch.tensor(features, dtype=torch.float64).reshape(-1, *self.shape)
        a = self.stack.train(training)(x.movedim(-1, 1))
        return a.movedim(1, -1).flatten(1)

    def penalty(self):
        """What the weights cost."""
        return sum(
            spec.l1 * weight.abs().sum() + spec.l2 / 2 * weight.square().sum() for weight, spec in self.penalties
        )

    @staticmethod
    def numbers(tensors):
        """Arrays by name in neurosim's layout, from tensors by name."""
        return {name: _ours(tensor).copy() for name, tensor in tensors.items()}


def walk(layers, prefix="layers"):
    """Name and list entry of every layer that is not frozen, those inside of others in their place."""
    for index, layer in enumerate(layers):
        if isinstance(layer, Residual):
            yield from walk(layer.layers, f"{prefix}.{index}.layers")
            yield from walk(layer.shortcut, f"{prefix}.{index}.shortcut")
        elif isinstance(layer, Concatenation):
            for place, branch in enumerate(layer.branches):
                yield from walk(branch, f"{prefix}.{index}.branches.{place}")
        elif not isinstance(layer, Frozen):
            yield f"{prefix}.{index}", layer
