"""The one thing to change that proves a finding, as settings of the scenario."""

from __future__ import annotations

import math
from typing import Any

from neurosim.scenario import Scenario

USUAL_RATIO = 1e-2
# A learning rate that hardly any network diverges with.
SAFE = 1e-3


def rate(scenario: Scenario, factor: float) -> tuple[str, ...]:
    """Another learning rate, rounded to one digit; empty where the optimizer has none."""
    now = getattr(scenario.optimizer, "lr", None)
    if not isinstance(now, int | float) or now <= 0 or not 0 < factor < math.inf:
        return ()
    return (f"optimizer.lr={float(f'{now * factor:.0e}'):g}",)


def slower(scenario: Scenario, ratio: float) -> tuple[str, ...]:
    """A rate with which weights move by about a hundredth of their length in a step, ten times lower at least."""
    if not math.isfinite(ratio):
        # How much too high it is cannot be told.
        now = getattr(scenario.optimizer, "lr", None)
        return rate(scenario, min(1e-3, SAFE / now) if isinstance(now, int | float) and now > 0 else 1e-3)
    return rate(scenario, min(0.1, USUAL_RATIO / ratio) if ratio > 0 else 0.1)


def faster(scenario: Scenario, ratio: float) -> tuple[str, ...]:
    """A rate with which weights move by about a hundredth of their length in a step, ten times higher at least."""
    return rate(scenario, max(10.0, USUAL_RATIO / ratio) if ratio > 0 else 100.0)


def hidden(scenario: Scenario) -> list[tuple[str, Any]]:
    """Dense and convolution layers below the output, with their key paths."""
    layers = scenario.network.layers
    return [
        (f"network.layers.{place}", layer)
        for place, layer in enumerate(layers[:-1])
        if layer.kind in ("dense", "conv2d")
    ]


def activation(scenario: Scenario, name: str) -> tuple[str, ...]:
    """Another activation of all hidden layers that have one, with the start values that are usual for it."""
    found: list[str] = []
    for place, layer in enumerate(scenario.network.layers[:-1]):
        path = f"network.layers.{place}"
        if layer.kind == "activation":
            found.append(f"{path}.activation={name}")
        elif layer.kind in ("dense", "conv2d") and layer.activation.name != "identity":
            found += [f"{path}.activation={name}", f"{path}.init={_usual(name)}"]
    return tuple(found)


def free_bias(scenario: Scenario) -> tuple[str, ...]:
    """Biases that start at 0 instead of at values that the scenario gives."""
    return tuple(f"{path}.bias=true" for path, layer in hidden(scenario) if isinstance(layer.bias, list))


def usual_init(scenario: Scenario) -> tuple[str, ...]:
    """The start values that are usual for the activation of each layer."""
    found = []
    for place, layer in enumerate(scenario.network.layers):
        if layer.kind in ("dense", "conv2d"):
            usual = _usual(layer.activation.name)
            if layer.init is None or layer.init.name != usual:
                found.append(f"network.layers.{place}.init={usual}")
    return tuple(found)


def _usual(activation: str) -> str:
    return "he_uniform" if "elu" in activation else "glorot_uniform"
