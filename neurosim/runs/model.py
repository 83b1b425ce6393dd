"""The model file: the trained weights, with what they are the weights of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.data.columns import column_words
from neurosim.data.making import made_words
from neurosim.errors import DataError
from neurosim.files.sealed import MOST_WORDS, seal, unseal
from neurosim.network.network_section import NetworkSection
from neurosim.runs.identity import Identity, identity_of
from neurosim.training.simulator import Simulator

MODEL = "model.safetensors"
FORMAT = "neurosim-model-5"


def model_bytes(simulator: Simulator, identity: Identity | None = None) -> bytes:
    """The trained parameters and running statistics (float32) as a safetensors file that describes the network.

    The same parameters of the same identity give the same bytes. `identity` is the simulator's, if it is known already.
    """
    arrays = {**simulator.parameters, **simulator.statistics}
    return sealed_model(arrays, described(simulator, identity))


def described(simulator: Simulator, identity: Identity | None = None) -> dict[str, Any]:
    """What a model file says of its network, as a JSON object."""
    data = simulator.data
    scale, shift = data.feature_scale.tolist(), data.feature_shift.tolist()
    return {
        "format": FORMAT,
        "input_shape": list(simulator.network.input_shape),
        "network": _section(simulator).model_dump(mode="json", exclude_none=True),
        "input": {
            "scale": _shortest(scale),
            "shift": _shortest(shift),
            "features": list(data.raw_names),
            **({} if data.made is None else {"made": made_words(data.made)}),
            **({"columns": [column_words(column) for column in data.columns]} if data.columns else {}),
            **({"image_shape": list(data.image_shape)} if data.pixels and data.image_shape else {}),
        },
        "target": {
            "scale": data.target_scale.tolist(),
            "shift": data.target_shift.tolist(),
            "names": list(data.target_names),
        },
        "classes": list(data.classes),
        "identity": (identity or identity_of(simulator)).as_json(),
    }


def sealed_model(arrays: Mapping[str, NDArray[Any]], description: Mapping[str, Any]) -> bytes:
    """The content of a model file with these arrays and what `described` says of them."""
    return seal({name: array.astype(np.float32) for name, array in arrays.items()}, description)


def _section(simulator: Simulator) -> NetworkSection:
    """What the network is, without its data: weights of classes that depend on these are written out."""
    section = simulator.scenario.network.without_start_values()
    return section.with_class_weights(simulator.network.class_weights)


def read_model(
    path: Path, most_words: int = MOST_WORDS, largest: int | None = None
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The arrays of a model file by name, and its description, which are read up to a size.

    Raises
    ------
    DataError
        When it is missing, damaged, or of another version.
    """
    arrays, words = unseal(path, "model", most_words, largest)
    if words.get("format") != FORMAT:
        raise DataError(
            f"{path} is not a model of this version: its format is {words.get('format')!r}, not {FORMAT!r}",
            "Train the network again, or use the version of neurosim that wrote the file.",
        )
    return arrays, words


def _shortest(values: list[float]) -> float | list[float]:
    """One number where all are the same."""
    return values[0] if len(set(values)) == 1 else values
