"""What may cure a disease, as settings of the scenario; whether it does is for trials to show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from neurosim.diagnosis.finding import Remedy
from neurosim.scenario import Scenario

# Usual values: strong enough to matter, and weak enough to learn with.
PENALTY, DROPOUT = 0.0001, 0.2
MILD = {"shift": 1.0, "rotation": 10.0, "scale": 0.1, "shear": 10.0}
BATCH = 32
# Widths to try for layers that have fewer units or channels.
WIDE = 32


def rate(value: float) -> Remedy:
    """Another learning rate."""
    return (f"optimizer.lr={value:g}",)


def layers(scenario: Scenario) -> Iterator[tuple[str, Any]]:
    """All layers with their key paths; those inside a layer come after it."""

    def walk(path: str, found: Sequence[Any]) -> Iterator[tuple[str, Any]]:
        for place, layer in enumerate(found):
            yield f"{path}.{place}", layer
            for key, chain in layer.chains.items():
                yield from walk(f"{path}.{place}.{key}", chain)

    return walk("network.layers", scenario.network.layers)


def hidden(scenario: Scenario) -> list[tuple[str, Any]]:
    """Dense and convolution layers below the output, with their key paths."""
    found = [(path, layer) for path, layer in layers(scenario) if layer.width_key]
    return found[:-1]


def activation(scenario: Scenario, name: str) -> Remedy:
    """Another activation for all hidden layers that have one, with its usual initializer."""
    found: list[str] = []
    *inner, _ = ((p, layer) for p, layer in layers(scenario) if _has(layer, "activation") and not layer.inside)
    for path, layer in inner:
        if not layer.width_key:
            found.append(f"{path}.activation={name}")
        elif layer.activation.name != "identity":
            found += [f"{path}.activation={name}", f"{path}.init={_usual(name)}"]
    return tuple(found)


def activation_of(layer: Any) -> str:
    """Name of a layer's activation; identity if it has none."""
    found = getattr(layer, "activation", None)
    return "identity" if found is None else str(found.name)


def output_activation(scenario: Scenario, name: str) -> Remedy:
    """Another activation for the output layer."""
    place = len(scenario.network.layers) - 1
    return (f"network.layers.{place}.activation={name}",) if _has(scenario.network.layers[-1], "activation") else ()


def free_bias(scenario: Scenario) -> Remedy:
    """Biases that start at 0 instead of at the values in the scenario."""
    return tuple(f"{path}.bias=true" for path, layer in hidden(scenario) if isinstance(layer.bias, list))


def usual_init(scenario: Scenario) -> Remedy:
    """The usual initializer for the activation of each layer."""
    found = []
    for path, layer in layers(scenario):
        if layer.width_key:
            usual = _usual(layer.activation.name)
            if layer.init is None or layer.init.name != usual:
                found.append(f"{path}.init={usual}")
    return tuple(found)


def penalty(scenario: Scenario, value: float) -> Remedy:
    """A penalty on the weights of the hidden layers, or of the output layer if there are none."""
    found = hidden(scenario) or [(path, layer) for path, layer in layers(scenario) if _has(layer, "l2")]
    return tuple(f"{path}.l2={value:g}" for path, _ in found)


def weaker_penalty(scenario: Scenario, limit: float) -> Remedy:
    """The usual penalty in each layer whose penalty is beyond the limit."""
    found = []
    for path, layer in layers(scenario):
        if _has(layer, "l2") and layer.l2 > limit:
            found.append(f"{path}.l2={PENALTY:g}")
        if _has(layer, "l1") and layer.l1 > limit:
            found.append(f"{path}.l1=0")
    return tuple(found)


def weaker_dropout(scenario: Scenario, limit: float) -> Remedy:
    """The usual rate in each dropout layer beyond the limit."""
    return tuple(f"{path}.rate={DROPOUT:g}" for path, layer in layers(scenario) if getattr(layer, "rate", 0.0) > limit)


def milder_augmentation(scenario: Scenario) -> Remedy:
    """Changes of the images that leave no doubt about what they show."""
    section = scenario.augmentation
    found = [f"augmentation.{key}={mild:g}" for key, mild in MILD.items() if getattr(section, key) > mild]
    if section.elastic is not None:
        found.append(f"augmentation.elastic.alpha={min(section.elastic.alpha, section.elastic.sigma):g}")
    return tuple(found)


def wider(scenario: Scenario) -> Remedy:
    """Hidden layers with four times as many units or channels, and at least 32; a hidden layer if there is none."""
    found = []
    for path, layer in hidden(scenario):
        key = layer.width_key
        if not isinstance(layer.bias, list) and getattr(layer, "weight", None) is None:
            found.append(f"{path}.{key}={max(WIDE, 4 * getattr(layer, key))}")
    (_, output), *others = layers(scenario)
    if found or others or output.width_key != "units":
        return tuple(found)
    inner = f'{{ kind = "dense", units = {WIDE // 4}, activation = "tanh" }}'
    outer = f'{{ kind = "dense", units = {output.units}, activation = "{output.activation.name}" }}'
    return (f"network.layers=[{inner}, {outer}]",)


def _has(layer: Any, key: str) -> bool:
    return key in type(layer).model_fields


def _usual(activation: str) -> str:
    return "he_uniform" if "elu" in activation else "glorot_uniform"
