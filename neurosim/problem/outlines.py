"""What the network of a scenario is built for, where no row is needed: shapes and numbers of rows are enough."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from neurosim.data import Prepared
from neurosim.data.prepare import Split
from neurosim.errors import DataError
from neurosim.plugin import Outline
from neurosim.plugin.answers import described, place_of
from neurosim.problem.assembly import blamed, load_data
from neurosim.scenario import Scenario


def data_or_outline(scenario: Scenario, data_dir: Path | str | None = None) -> Prepared:
    """The rows of a scenario; of a data set that says what they are like without them, as many rows of zeros.

    The zeros take no memory. Raises as `load_data` does.
    """
    dataset = scenario.data.record
    if scenario.table is not None or dataset.outline is None or scenario.data.ignore or scenario.data.inputs:
        return load_data(scenario, data_dir)
    with blamed(scenario):
        outline = dataset.outline(**scenario.data.options)
    if not isinstance(outline, Outline):
        raise DataError(
            f"{place_of(dataset.outline)}the outline of data set {dataset.name!r} returns {described(outline)}",
            "It must return an Outline: return Outline(rows, shape, classes=...).",
        )
    return _prepared(outline)


def _prepared(outline: Outline) -> Prepared:
    count, features = outline.rows, math.prod(outline.shape)
    if outline.classes:
        targets = np.broadcast_to(np.zeros(1, np.int64), (count,))
    else:
        targets = np.broadcast_to(np.zeros(1, np.float32), (count, outline.values))
    split = Split(
        np.broadcast_to(np.zeros(1, np.float32), (count, features)),
        targets,
        np.broadcast_to(np.zeros(1, np.int64), (count,)),
        sha256="",
    )
    values = 0 if outline.classes else outline.values
    return Prepared(
        split,
        None,
        None,
        scale=1.0,
        shift=0.0,
        feature_scale=np.broadcast_to(np.ones(1), (features,)),
        feature_shift=np.broadcast_to(np.zeros(1), (features,)),
        target_scale=np.ones(values),
        target_shift=np.zeros(values),
        classes=outline.classes,
        image_shape=outline.shape if len(outline.shape) > 1 else (),
    )
