"""The ``[augmentation]`` section of a scenario file."""

from __future__ import annotations

from pydantic import Field

from neurosim.network.sections import Number, Section


class Elastic(Section):
    """Pixels pushed about by a smooth random field (Simard, Steinkraus and Platt 2003)."""

    alpha: Number = Field(
        ge=0, le=10_000, description="Displacements are drawn from -alpha to alpha pixels, before they are smoothed."
    )
    sigma: Number = Field(
        gt=0, le=100, description="They are smoothed with a Gaussian of sum 1 and this standard deviation in pixels."
    )


class AugmentationSection(Section):
    """Random changes of the training images, new ones in each epoch; for data sets of images."""

    shift: Number = Field(default=0.0, ge=0, le=1000, description="Move by up to this many pixels, in x and in y.")
    rotation: Number = Field(
        default=0.0, ge=0, le=180, description="Rotate about the center by up to this many degrees, either way."
    )
    scale: Number = Field(
        default=0.0, ge=0, le=0.9, description="Shrink or enlarge by up to this share; 0.1: to 90% to 110% of the size."
    )
    shear: Number = Field(
        default=0.0, ge=0, le=60, description="Tilt upright lines by up to this many degrees, either way."
    )
    elastic: Elastic | None = Field(
        default=None,
        description="Push pixels about by a smooth random field, such as { alpha = 34, sigma = 4 }; left out: not.",
    )
    fill: Number = Field(
        default=0.0, description="Pixel value outside the image, before any scaling: the color of the background."
    )
