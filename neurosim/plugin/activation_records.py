"""The records of activations: of each unit by itself, and of a whole row of units."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from neurosim.plugin.checked_at import Every, checked_domain, checked_kinks, checked_widths
from neurosim.plugin.formula import Formula, formula
from neurosim.plugin.record import NAMES_RECORDS, NAMING, Record, Scalar
from neurosim.plugin.vectors import with_vectors
from neurosim.suggestions import did_you_mean

# How many numbers a layer has for each learned parameter of its activation.
PER = ("layer", "unit")
ACTIVATION_KEYS = {
    **dict.fromkeys(NAMING, NAMES_RECORDS),
    "per": "says in scenarios whether units share what is learned",
}
# Names of a layer's own parameters.
LAYERS_OWN = ("weight", "bias")


def learned_role(name: str) -> str:
    """The role of the derivative of an activation with respect to a learned parameter."""
    return f"df/d{name}"


@dataclass(frozen=True)
class Activation(Record):
    """An activation applied to each unit by itself.

    Parameters
    ----------
    name : str
        How scenarios call it.
    f : function ``f(z, *params) -> a``
        The activation of one weighted sum.
    df : function ``df(z, a, *params) -> da/dz``, optional
        Its derivative, given the input and the output. Left out, it is derived from `f`.
    params : mapping of str to float or tuple of float
        Parameters and their defaults, in the order in which the functions take them.
    kinks : tuple of float, or Every
        Inputs at which the derivative jumps (0 for ReLU); checks step around them. ``Every(1.0)``
        stands for all whole numbers, and may be in a tuple with others.
    usual_init : str
        The initializer a layer with this activation gets when the scenario names none.
    source : str
        Where the formula comes from (paper, equation).
    domain : (float, float), optional
        The lowest and the highest input that `f` is meant for, such as ``(0.0, math.inf)``; checks
        look between them. Left out, all numbers.
    surrogate : bool
        Whether the derivative is deliberately another function, as in a straight-through estimator; it
        is then not compared with the slope.
    learn : sequence of str, or mapping of str to function ``(z, a, *params) -> da/dparam`` or None
        Names of the parameters that are learned in training, starting from their defaults or from what a scenario
        gives. A mapping may give the derivative of `f` with respect to each; where it does not, it is derived.
    per : "layer" or "unit"
        Whether all units of a layer share a learned parameter, or each unit (in a map, each channel) has its own.
        A scenario may choose the other.
    """

    kind: ClassVar[str] = "activation"
    keys: ClassVar[Mapping[str, str]] = ACTIVATION_KEYS
    name: str
    f: Scalar
    df: Scalar | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    kinks: tuple[float | Every, ...] | Every = ()
    usual_init: str = "glorot_uniform"
    source: str = ""
    domain: tuple[float, float] | None = None
    surrogate: bool = False
    learn: Sequence[str] | Mapping[str, Scalar | None] = ()
    per: Literal["layer", "unit"] = "layer"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "kinks", checked_kinks(self.kinks, self._fault))
        object.__setattr__(self, "domain", checked_domain(self.domain, self._fault))
        self._check("f", self.f, "z")
        if self.df is not None:
            self._check("df", self.df, "z", "a")
        object.__setattr__(self, "learn", MappingProxyType(self._checked_learn()))
        self._check_word("per", self.per, PER, "Write per='unit' for each unit, or each channel of a map.")

    def _checked_learn(self) -> dict[str, Scalar | None]:
        """What is learned, in the order of the parameters; raises PluginError for what cannot be."""
        learn = self.learn
        if isinstance(learn, str):
            raise self._fault(f"learn must be a tuple of names, not the text {learn!r}", f"Write learn=({learn!r},).")
        if not isinstance(learn, Mapping | tuple | list | set | frozenset):
            example = next(iter(self.params), "alpha")
            raise self._fault(f"learn must be a tuple of names, not {learn!r}", f"Write learn=({example!r},).")
        given: dict[Any, Any] = dict(learn) if isinstance(learn, Mapping) else dict.fromkeys(learn)
        for name, function in given.items():
            if name not in self.params:
                declared = f"It has {', '.join(self.params)}." if self.params else "It has no params."
                near = did_you_mean(str(name), self.params)
                raise self._fault(f"learn names {name!r}, which is not one of its params", near or declared)
            if name in self.vectors:
                raise self._fault(f"learn names {name!r}, which is a vector", "Learn numbers; vectors stay as given.")
            if name in LAYERS_OWN:
                raise self._fault(
                    f"learn names {name!r}, but a layer already has numbers of that name",
                    "Call the parameter something else.",
                )
            if function is not None:
                self._check(f"learn[{name!r}]", function, "z", "a")
        return {name: given[name] for name in self.params if name in given}

    @property
    def declared_kinks(self) -> tuple[float | Every, ...]:
        """`kinks`, in a tuple whatever was given."""
        return self.kinks if isinstance(self.kinks, tuple) else (self.kinks,)

    def kinks_within(self, low: float, high: float) -> tuple[float, ...]:
        """The kinks from `low` to `high`, in order."""
        found: set[float] = set()
        for kink in self.declared_kinks:
            if isinstance(kink, Every):
                found.update(kink.within(low, high))
            elif low <= kink <= high:
                found.add(float(kink))
        return tuple(sorted(found))

    @property
    def derivative(self) -> Scalar:
        """`df`, or the derivative of `f` where `df` was left out.

        Raises
        ------
        PluginError
            Naming file and line, where `f` cannot be derived.
        """
        if self.df is not None:
            return self.df
        # Few records need it, and every command loads this module.
        from neurosim.formulas.derivatives import derive_slope

        return derive_slope(self.f)

    @property
    def learned(self) -> Mapping[str, Scalar | None]:
        """What is learned, in the order of the parameters, and the derivatives that are given."""
        return self.learn if isinstance(self.learn, Mapping) else dict.fromkeys(self.learn)

    @property
    def learned_slopes(self) -> dict[str, Scalar]:
        """For each learned parameter, by name, the derivative of `f` with respect to it, of (z, a, *params).

        Raises as `derivative` does.
        """
        from neurosim.formulas.derivatives import derive_partial

        places = {name: place for place, name in enumerate(self.params, 1)}
        return {name: function or derive_partial(self.f, places[name]) for name, function in self.learned.items()}

    @property
    def formulas(self) -> tuple[Formula, ...]:
        """The functions that compilers see; raises as `derivative` does."""
        if self.vectors:
            return with_vectors(self).formulas
        slopes = self.learned_slopes if self.learn else {}
        return (
            formula("f", self.f, ["number"], self.params, 1),
            formula("df", self.derivative, ["number", "number"], self.params, 1),
            *(formula(learned_role(n), df, ["number", "number"], self.params, 1) for n, df in slopes.items()),
        )


@dataclass(frozen=True)
class RowActivation(Record):
    """An activation of a whole row of units, such as softmax.

    Parameters
    ----------
    name : str
        How scenarios call it.
    f : function ``f(z, a, *params)``
        Fills the row `a` with the activation of the row `z`.
    backward : function ``backward(z, a, da, dz, *params)``, optional
        Fills the row `dz` with the gradient with respect to `z`, given the gradient `da` with
        respect to `a` (the product of `da` with the Jacobian). Left out, it is derived from `f`.
    params, usual_init, source, domain
        As for `Activation`.
    widths : tuple of int
        The numbers of units to check it with, such as ``(2, 4)`` where they must be even.
    surrogate : bool
        Whether the derivative is deliberately another function, as in a straight-through estimator; it
        is then not compared with the slope.
    """

    kind: ClassVar[str] = "activation"
    keys: ClassVar[Mapping[str, str]] = ACTIVATION_KEYS
    name: str
    f: Callable[..., None]
    backward: Callable[..., None] | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    usual_init: str = "glorot_uniform"
    source: str = ""
    domain: tuple[float, float] | None = None
    widths: tuple[int, ...] = ()
    surrogate: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "domain", checked_domain(self.domain, self._fault))
        object.__setattr__(self, "widths", checked_widths(self.widths, self._fault))
        self._check("f", self.f, "z", "a")
        if self.backward is not None:
            self._check("backward", self.backward, "z", "a", "da", "dz")

    @property
    def derivative(self) -> Callable[..., None]:
        """`backward`, or the one derived from `f` where `backward` was left out.

        Raises
        ------
        PluginError
            Naming file and line, where `f` cannot be derived.
        """
        if self.backward is not None:
            return self.backward
        from neurosim.formulas.derivatives import derive_backward

        return derive_backward(self.f)

    @property
    def formulas(self) -> tuple[Formula, ...]:
        """The functions that compilers see; raises as `derivative` does."""
        if self.vectors:
            return with_vectors(self).formulas
        return (
            formula("f", self.f, ["row"] * 2, self.params, 0),
            formula("backward", self.derivative, ["row"] * 4, self.params, 0),
        )
