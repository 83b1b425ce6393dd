"""Image augmentation of a scenario: from its ``[augmentation]`` section to rows that change with each epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neurosim.backends.augmentation import Augmentation, Strengths
from neurosim.data import Prepared
from neurosim.data.rows import Rows
from neurosim.errors import ScenarioError
from neurosim.scenario import Scenario

if TYPE_CHECKING:
    from neurosim.backends.cpu.augmentation import Augmenter


def augments(scenario: Scenario) -> bool:
    """Whether each epoch of a scenario has training rows of its own."""
    return _strengths(scenario).any


def make_augmenter(
    scenario: Scenario, data: Prepared, rows: Rows, seed: int, threads: int | None = None
) -> Augmenter | None:
    """What makes the training rows of each epoch from `rows`; None where the scenario changes nothing.

    Raises
    ------
    ScenarioError
        When the data are not images, or the settings do not fit them.
    """
    if not augments(scenario):
        return None
    augmentation = build_augmentation(scenario, data, seed)
    # Loads the compiler, which the reference backend does without otherwise.
    from neurosim.backends.cpu.augmentation import Augmenter

    return Augmenter(augmentation, rows, threads)


def build_augmentation(scenario: Scenario, data: Prepared, seed: int) -> Augmentation:
    """What the training images are changed by; raises as `make_augmenter` does."""
    shape = _image_shape(scenario, data)
    strengths, fill = _strengths(scenario), scenario.augmentation.fill
    height, width, _ = shape
    if strengths.shift >= min(height, width):
        raise ScenarioError(
            f"augmentation.shift: {strengths.shift:g} pixels would push images of {height} x {width} pixels "
            f"out of sight; expected less than {min(height, width)}"
        )
    plain_scale, plain_shift = np.ones(data.inputs), np.zeros(data.inputs)
    if data.train.features.dtype == np.uint8:
        if not 0 <= fill <= 255:
            raise ScenarioError(f"augmentation.fill: pixels of this data set are 0 to 255, not {fill:g}")
        return Augmentation(strengths, shape, seed, fill, plain_scale, plain_shift)
    scale, shift = data.feature_scale, data.feature_shift
    if (scale == scale[0]).all() and (shift == shift[0]).all():
        # Interpolation and one scale for all pixels may change places.
        return Augmentation(strengths, shape, seed, float(fill * scale[0] + shift[0]), plain_scale, plain_shift)
    return Augmentation(strengths, shape, seed, fill, scale, shift)


def _strengths(scenario: Scenario) -> Strengths:
    section = scenario.augmentation
    elastic = section.elastic
    return Strengths(
        shift=section.shift,
        rotation=section.rotation,
        scale=section.scale,
        shear=section.shear,
        alpha=0.0 if elastic is None else elastic.alpha,
        sigma=1.0 if elastic is None else elastic.sigma,
    )


def _image_shape(scenario: Scenario, data: Prepared) -> tuple[int, int, int]:
    if len(data.image_shape) not in (2, 3):
        raise ScenarioError(
            f"augmentation: the rows of data set {scenario.data.source} are not images",
            "Leave [augmentation] out; shifts and rotations of other rows mean nothing.",
        )
    height, width, *channels = data.image_shape
    return height, width, channels[0] if channels else 1
