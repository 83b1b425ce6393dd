"""An activation and its derivative over a range of inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.uncompiled import apply
from neurosim.plugin import Activation
from neurosim.plugin.vectors import with_vectors

REACH = 6.0
POINTS = 601
# How close to a kink the line is sampled on both sides.
GAP = 1e-9
# Other values of a parameter, as multiples of its default.
FACTORS = (0.5, 2.0)
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """The activation and its derivative for one choice of parameters.

    Attributes
    ----------
    label : str
        The value of the parameter that distinguishes it; empty if there is only one curve.
    a, slope : float64 arrays, as long as `ActivationCurves.z`
        Outputs and derivatives; NaN at the kinks, so that lines break there.
    at_kinks : tuple of (float, float)
        Output and derivative at each kink.
    """

    label: str
    a: Array
    slope: Array
    at_kinks: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class ActivationCurves:
    """The curves of an activation, for a picture.

    Attributes
    ----------
    name : str
        Of the activation.
    z : float64 array
        Inputs, including those on both sides of each kink.
    kinks : tuple of float
        The declared kinks within the range.
    curves : tuple of Curve
        The one with the default parameters comes first.
    derived : bool
        Whether neurosim derived the derivative.
    """

    name: str
    z: Array
    kinks: tuple[float, ...]
    curves: tuple[Curve, ...]
    derived: bool


def activation_curves(record: Activation) -> ActivationCurves:
    """The curves of an activation with its default parameters, and with half and twice the first one.

    Raises
    ------
    PluginError
        When the derivative was left out and cannot be derived.
    """
    record = with_vectors(record)
    kinks = record.kinks_within(-REACH, REACH)
    around = [kink + side for kink in kinks for side in (-GAP, 0.0, GAP)]
    z = np.unique(np.concatenate([np.linspace(-REACH, REACH, POINTS), around]))
    varied = next(iter(record.params), None)
    choices: list[Mapping[str, float]] = [record.params]
    if varied is not None:
        choices += [{**record.params, varied: factor * record.params[varied]} for factor in FACTORS]
    curves = []
    for params in choices:
        label = "" if varied is None else f"{varied} = {params[varied]:g}"
        curves.append(_curve(record, params, z, kinks, label))
    return ActivationCurves(record.name, z, kinks, tuple(curves), record.df is None)


def _curve(record: Activation, params: Mapping[str, float], z: Array, kinks: tuple[float, ...], label: str) -> Curve:
    values = tuple(params.values())
    a = apply(record.f, z, params=values)
    slope = apply(record.derivative, z, a, params=values)
    places = [int(np.flatnonzero(z == kink)[0]) for kink in kinks]
    at_kinks = tuple((float(a[place]), float(slope[place])) for place in places)
    with np.errstate(invalid="ignore"):
        for line in (a, slope):
            line[~np.isfinite(line)] = np.nan
            line[places] = np.nan
    return Curve(label, a, slope, at_kinks)
