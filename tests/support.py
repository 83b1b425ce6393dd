"""Small networks, rows and backends for tests; importable as ``support``."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from neurosim.backends.base import Backend
from neurosim.backends.select import make_backend
from neurosim.data.rows import Rows
from neurosim.formulas.float32 import Translator
from neurosim.network import layers as kinds
from neurosim.network.layers import Penalty, Stack, choose
from neurosim.network.layers.kinds import SECTIONS
from neurosim.network.layers.window import edges
from neurosim.network.network import Network
from neurosim.network.training import Average, Training
from neurosim.plugin.host import build_registry

BUILTINS = build_registry(entry_points=False)


SIMULATED_PARAMETERS = 100


@dataclass(frozen=True)
class BackendUnderTest:
    """A backend and the relative errors it is allowed.

    `values` holds for outputs, losses and gradients, `trajectory` for parameters after 100 steps.
    """

    name: str
    values: float
    trajectory: float

    def make(self, network: Network, training: Training, seed: int = 0, threads: int | None = 1) -> Backend:
        if self.simulated and network.size > SIMULATED_PARAMETERS:
            pytest.skip(f"{network.size} parameters would take minutes in the CUDA simulator")
        return make_backend(self.name, network, training, seed, threads)

    @property
    def simulated(self) -> bool:
        """Whether it runs in the CUDA simulator, where each thread is a thread of Python."""
        return self.name == "cuda" and os.environ["NUMBA_ENABLE_CUDASIM"] == "1"

    @property
    def needs_gpu(self) -> bool:
        """Whether it runs on a real GPU."""
        return self.name == "cuda" and not self.simulated

    @property
    def long_marks(self) -> Any:
        """Marks for many tests on it: a GPU is asked for; in the simulator `cuda_emulator` has more to say, sooner."""
        return pytest.mark.gpu if self.needs_gpu else pytest.mark.slow if self.simulated else ()

    def rows(self, count: int, inputs: int, outputs: int, **settings: Any) -> Rows:
        """`rows`, but few of them in the simulator."""
        return rows(min(count, 7) if self.simulated else count, inputs, outputs, **settings)


BACKENDS = (
    BackendUnderTest("reference", values=1e-9, trajectory=1e-8),
    BackendUnderTest("cpu", values=1e-5, trajectory=1e-4),
    BackendUnderTest("cuda", values=1e-5, trajectory=1e-4),
)
REFERENCE = BACKENDS[0]
# What is compared with the reference.
COMPILED = BACKENDS[1:]


def chosen(catalog: Any, name: Any, params: Mapping[str, float] | None = None) -> Any:
    """A built-in by name or a record of the test's own; ``(one of these, params)``; or that and "layer" or "unit"."""
    per: tuple[str, ...] = ()
    if isinstance(name, tuple):
        name, params, *per = name
    return choose(catalog.get(name) if isinstance(name, str) else name, params, *per)


@dataclass(frozen=True)
class Dense:
    units: int
    activation: Any = "identity"
    bias: bool = True
    init: Any = "torch_linear"
    l1: float = 0.0
    l2: float = 0.0


@dataclass(frozen=True)
class Dropout:
    rate: float


@dataclass(frozen=True)
class Flatten:
    pass


@dataclass(frozen=True)
class Conv2d:
    channels: int
    kernel: tuple[int, int] = (3, 3)
    activation: Any = "identity"
    stride: tuple[int, int] = (1, 1)
    padding: Any = "valid"
    bias: bool = True
    init: Any = "torch_linear"
    l1: float = 0.0
    l2: float = 0.0
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1


@dataclass(frozen=True)
class Pool:
    """`kind` is "max", which may have a dilation, or "avg", which may count the padding."""

    kind: str = "max"
    size: tuple[int, int] = (2, 2)
    stride: tuple[int, int] | None = None
    padding: Any = "valid"
    ceil: bool = False
    dilation: tuple[int, int] = (1, 1)
    count_padding: bool = False


@dataclass(frozen=True)
class GlobalAvgPool:
    pass


@dataclass(frozen=True)
class BatchNorm:
    momentum: float = 0.1


@dataclass(frozen=True)
class LayerNorm:
    pass


@dataclass(frozen=True)
class Activation:
    activation: Any


@dataclass(frozen=True)
class Gated:
    gate: Any = "glu"


@dataclass(frozen=True)
class Maxout:
    pieces: int = 2


@dataclass(frozen=True)
class Residual:
    layers: tuple[Any, ...]
    shortcut: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Concatenation:
    branches: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Frozen:
    """A layer whose parameters stay as they are."""

    layer: Any


def network(inputs: int | tuple[int, ...], layers: Sequence[Any], loss: Any = "mse") -> Network:
    """A network from the entries above; `inputs` is a number of units or the shape of a map."""
    stack = Stack((inputs,) if isinstance(inputs, int) else inputs)
    _stack(stack, layers)
    if stack.needs_another_pass:
        stack.begin_again()
        _stack(stack, layers)
    return Network.of(stack, chosen(BUILTINS.losses, loss))


def _stack(stack: Stack, layers: Sequence[Any]) -> None:
    for layer in layers:
        if isinstance(layer, Frozen):
            with stack.freezing(True):
                _stack(stack, [layer.layer])
        elif isinstance(layer, Dense | Conv2d):
            activation, init = chosen(BUILTINS.activations, layer.activation), chosen(BUILTINS.initializers, layer.init)
            penalty = Penalty(layer.l1, layer.l2)
            if isinstance(layer, Dense):
                kinds.Dense.put_on(stack, layer.units, activation, init, bias=layer.bias, penalty=penalty)
                continue
            how = {"stride": layer.stride, "padding": edges(layer.padding), "bias": layer.bias, "penalty": penalty}
            how |= {"dilation": layer.dilation, "groups": layer.groups}
            kinds.Conv2d.put_on(stack, layer.channels, layer.kernel, activation, init, **how)
        elif isinstance(layer, Pool):
            stride = None if layer.stride is None else list(layer.stride)
            own = {"dilation": list(layer.dilation)} if layer.kind == "max" else {"count_padding": layer.count_padding}
            own |= {"size": list(layer.size), "stride": stride, "padding": layer.padding, "ceil": layer.ceil}
            _build(stack, f"{layer.kind}_pool2d", **own)
        elif isinstance(layer, GlobalAvgPool):
            _build(stack, "global_avg_pool2d")
        elif isinstance(layer, BatchNorm):
            _build(stack, "batch_norm", momentum=layer.momentum)
        elif isinstance(layer, LayerNorm):
            _build(stack, "layer_norm")
        elif isinstance(layer, Activation):
            kinds.Activate.put_on(stack, chosen(BUILTINS.activations, layer.activation))
        elif isinstance(layer, Gated):
            kinds.Gated.put_on(stack, chosen(BUILTINS.gates, layer.gate), 2)
        elif isinstance(layer, Maxout):
            _build(stack, "maxout", pieces=layer.pieces)
        elif isinstance(layer, Dropout):
            _build(stack, "dropout", rate=layer.rate)
        elif isinstance(layer, Residual):
            projection = chosen(BUILTINS.activations, "identity"), chosen(BUILTINS.initializers, "torch_linear")
            own = layer.shortcut
            with kinds.Residual.put_around(stack, projection, (lambda own=own: _stack(stack, own)) if own else None):
                _stack(stack, layer.layers)
        elif isinstance(layer, Concatenation):
            puts = [lambda branch=branch: _stack(stack, branch) for branch in layer.branches]
            kinds.Concatenation.put_on(stack, puts)
        else:
            _build(stack, "flatten")


def _build(stack: Stack, kind: str, **keys: Any) -> None:
    """A layer without records, as a scenario has it."""
    SECTIONS[kind](kind=kind, **keys).build(stack)


def training(
    optimizer: Any = "sgd",
    *,
    batch: int = 8,
    shuffle: bool = False,
    epochs: int = 3,
    schedule: Any = "constant",
    clip_value: float | None = None,
    clip_norm: float | None = None,
    schedules: Mapping[str, Any] | None = None,
    average: Average | None = None,
) -> Training:
    """Training settings; the optimizer is a name or ``(name, params)``."""
    return Training(
        chosen(BUILTINS.optimizers, optimizer),
        batch,
        shuffle,
        epochs,
        chosen(BUILTINS.schedules, schedule),
        clip_value=clip_value,
        clip_norm=clip_norm,
        schedules={name: chosen(BUILTINS.schedules, how) for name, how in (schedules or {}).items()},
        average=average,
    )


def rows(count: int, inputs: int, outputs: int, *, seed: int = 1, spread: float = 1.5, accuracy: Any = None) -> Rows:
    """Normal inputs with targets for every kind of loss: classes, and the same as zeros and ones."""
    random = np.random.default_rng(seed)
    features = (spread * random.normal(size=(count, inputs))).astype(np.float32)
    classes = random.integers(0, max(outputs, 2), count).astype(np.int32)
    values = classes[:, None].astype(np.float32) if outputs == 1 else np.eye(outputs, dtype=np.float32)[classes]
    return Rows(features, values, classes, accuracy or ("threshold" if outputs == 1 else "argmax"))


def error(found: Any, expected: Any) -> float:
    """Largest difference of two arrays of one shape, relative to the largest number expected."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert found.shape == expected.shape
    assert np.isfinite(found).all()
    assert np.isfinite(expected).all()
    largest = float(np.abs(expected).max(initial=0.0))
    return float(np.abs(found - expected).max(initial=0.0)) / (largest or 1.0)


def array_errors(net: Network, found: Any, expected: Any) -> dict[str, float]:
    """`error` of each named array in two flat vectors."""
    ours, theirs = net.named(found), net.named(expected)
    return {name: error(ours[name], theirs[name]) for name in ours}


def named_errors(found: Mapping[str, Any], expected: Mapping[str, Any]) -> dict[str, float]:
    """Largest difference of each array, relative to its largest number or to a tenth of the largest of all.

    For gradients that are 0 but for rounding, as that of a bias before batch normalization.
    """
    assert list(found) == list(expected)
    floor = max((float(np.abs(array).max(initial=0.0)) for array in expected.values()), default=0.0) / 10.0
    errors = {}
    for name, array in expected.items():
        largest = max(float(np.abs(array).max(initial=0.0)), floor) or 1.0
        ours = np.asarray(found[name], np.float64).reshape(np.shape(array))
        assert np.isfinite(ours).all(), name
        errors[name] = float(np.abs(ours - array).max(initial=0.0)) / largest
    return errors


def scattered(bench: Backend, seed: int = 0) -> Backend:
    """The backend with initial values and running statistics that differ from 0 and 1 everywhere."""
    random = np.random.default_rng(seed)
    bench.parameters += 0.3 * random.normal(size=bench.parameters.size).astype(np.float32)
    for name, numbers in bench.network.named_statistics(bench.statistics).items():
        numbers += random.uniform(-0.3 if name.endswith("mean") else 0.0, 0.5, numbers.size).astype(np.float32)
    return bench


def slope(function: Callable[[float], float], at: float, width: float = 1e-3) -> float:
    """Derivative by central differences of order 8 (error about width**8)."""
    weights = (4 / 5, -1 / 5, 4 / 105, -1 / 280)
    return (
        sum(weight * (function(at + k * width) - function(at - k * width)) for k, weight in enumerate(weights, 1))
        / width
    )


@dataclass(frozen=True)
class Translation:
    """The source of one translated function and its helpers, and its name in there."""

    name: str
    source: str


def translate(function: Callable[..., Any], arguments: Sequence[Any] = ()) -> Translation:
    """One function alone, translated; `arguments` are the kinds of its arguments."""
    translator = Translator()
    return Translation(translator.add(function, arguments), translator.source)
