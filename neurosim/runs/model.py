"""The model file: the trained weights, with what they are the weights of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.files.sealed import seal, unseal
from neurosim.runs.description import describe
from neurosim.runs.identity import Identity, identity_of
from neurosim.training.simulator import Simulator

MODEL = "model.safetensors"
FORMAT = "neurosim-model-4"
# Those that can be read: number 3 names its plugins but nothing else that it belongs to; in number 2 targets were never
# scaled, and it does not mention them.
FORMATS = ("neurosim-model-2", "neurosim-model-3", FORMAT)


def model_bytes(simulator: Simulator, identity: Identity | None = None) -> bytes:
    """The trained parameters and running statistics (float32) as a safetensors file that describes the network.

    The same parameters of the same identity give the same bytes. `identity` is the simulator's, if it is known already.
    """
    belongs = (identity or identity_of(simulator)).as_json()
    arrays = {**simulator.parameters, **simulator.statistics}
    data = simulator.data
    description = {
        "format": FORMAT,
        "network": describe(simulator.network),
        "input": {
            "scale": _shortest(data.feature_scale.tolist()),
            "shift": _shortest(data.feature_shift.tolist()),
            "features": list(data.feature_names),
        },
        "target": {
            "scale": data.target_scale.tolist(),
            "shift": data.target_shift.tolist(),
            "names": list(data.target_names),
        },
        "classes": list(data.classes),
        "plugins": belongs["plugins"],
        "identity": belongs,
    }
    return seal({name: array.astype(np.float32) for name, array in arrays.items()}, description)


def read_model(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The arrays of a model file by name, and its description; raises DataError when it is missing or damaged."""
    return unseal(path, "model")


def _shortest(values: list[float]) -> float | list[float]:
    """One number where all are the same."""
    return values[0] if len(set(values)) == 1 else values
