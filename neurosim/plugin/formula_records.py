"""The records whose functions are compiled: activations and losses; optimizers are in `optimizer_records`.

Their functions are plain Python on scalars (or on one row of scalars), with the ``math`` module and
ordinary literals, and are compiled for every backend. The records whose functions run as they are
stand in `neurosim.plugin.function_records`.

Argument names must follow the order given in the docstring of the record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from neurosim.plugin.checked_at import Every, checked_domain, checked_kinks, checked_widths
from neurosim.plugin.record import NAMES_RECORDS, NAMING, Declared, Record, Scalar
from neurosim.suggestions import did_you_mean

if TYPE_CHECKING:
    from neurosim.formulas.kinds import ArgumentKind

# How many numbers a layer has for each learned parameter of its activation.
PER = ("layer", "unit")
ACTIVATION_KEYS = {
    **dict.fromkeys(NAMING, NAMES_RECORDS),
    "per": "says in scenarios whether units share what is learned",
}
# Names of a layer's own parameters.
LAYERS_OWN = ("weight", "bias")


@dataclass(frozen=True)
class Formula:
    """One compiled function of a record.

    Attributes
    ----------
    role : str
        What it is in its record, such as ``df``.
    function : function
        As the author wrote it, or as it was derived.
    arguments : tuple of {"number", "row", "short", "class"}
        What each argument is: a number, a row of numbers, one with fewer of them, or the index of a class.
    results : int
        How many numbers it returns; 0 where it fills a row instead.
    """

    role: str
    function: Callable[..., Any]
    arguments: tuple[ArgumentKind, ...]
    results: int = 1


def formula(
    role: str, function: Callable[..., Any], arguments: Sequence[ArgumentKind], params: Mapping[str, Any], results: int
) -> Formula:
    """A function of a record with parameters, which come after its other arguments."""
    numbers: list[ArgumentKind] = ["number"] * len(params)
    return Formula(role, function, (*arguments, *numbers), results)


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
    params : mapping of str to float
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
        Whether the derivative is another function on purpose, as in a straight-through estimator; it
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
    params: Mapping[str, float] = field(default_factory=dict)
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
        if self.per not in PER:
            raise self._fault(
                f"per must be 'layer' or 'unit', not {self.per!r}",
                "Write per='unit' for each unit, or each channel of a map.",
            )

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
            if name in LAYERS_OWN:
                raise self._fault(
                    f"learn names {name!r}, and a layer has numbers of that name already",
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
        Whether the derivative is another function on purpose, as in a straight-through estimator; it
        is then not compared with the slope.
    """

    kind: ClassVar[str] = "activation"
    keys: ClassVar[Mapping[str, str]] = ACTIVATION_KEYS
    name: str
    f: Callable[..., None]
    backward: Callable[..., None] | None = None
    params: Mapping[str, float] = field(default_factory=dict)
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
        return (
            formula("f", self.f, ["row"] * 2, self.params, 0),
            formula("backward", self.derivative, ["row"] * 4, self.params, 0),
        )


@dataclass(frozen=True)
class Gate(Record):
    """What a gated unit makes of two numbers, such as ``u * sigmoid(v)``.

    Parameters
    ----------
    name : str
        How scenarios call it.
    f : function ``f(u, v, *params) -> a``
        The output of a unit from its two numbers.
    du : function ``du(u, v, *params) -> da/du``, optional
        Its derivative with respect to `u`. Left out, it is derived from `f`.
    dv : function ``dv(u, v, *params) -> da/dv``, optional
        Its derivative with respect to `v`. Left out, it is derived from `f`.
    params, source
        As for `Activation`.
    """

    kind: ClassVar[str] = "gate"
    name: str
    f: Scalar
    du: Scalar | None = None
    dv: Scalar | None = None
    params: Mapping[str, float] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        for role in ("f", "du", "dv"):
            function = getattr(self, role)
            if function is not None or role == "f":
                self._check(role, function, "u", "v")

    @property
    def derivative(self) -> tuple[Scalar, Scalar]:
        """`du` and `dv`, derived from `f` where they were left out.

        Raises
        ------
        PluginError
            Naming file and line, where `f` cannot be derived.
        """
        from neurosim.formulas.derivatives import derive_argument

        return self.du or derive_argument(self.f, 0), self.dv or derive_argument(self.f, 1)

    @property
    def formulas(self) -> tuple[Formula, ...]:
        """The functions that compilers see; raises as `derivative` does."""
        functions = zip(("f", "du", "dv"), (self.f, *self.derivative), strict=True)
        return tuple(formula(role, function, ["number"] * 2, self.params, 1) for role, function in functions)


@dataclass(frozen=True)
class FromLogits(Declared):
    """A loss together with the output activation before it, computed from the weighted sums z.

    Used instead of the loss's own pair when the last layer has this activation: the two are then
    one formula, which stays finite where the activation saturates.

    Parameters
    ----------
    activation : str
        The output activation this pair belongs to.
    value : function ``value(z, a, y, *params) -> float``
        Loss of one row; `z` are its weighted sums, `a` its outputs, `y` its target.
    gradient : function ``gradient(z, a, y, dz, *params)``
        Fills the row `dz` with the gradient with respect to `z`.
    """

    activation: str
    value: Scalar
    gradient: Callable[..., None]

    @property
    def derivative(self) -> Callable[..., None]:
        """`gradient`, under the name it has in a `Loss` too."""
        return self.gradient


@dataclass(frozen=True)
class Loss(Record):
    """The loss of one row of outputs against its target.

    The loss of a batch is the mean over its rows.

    Parameters
    ----------
    name : str
        How scenarios call it.
    value : function ``value(a, y, *params) -> float``
        Loss of one row: `a` is the row of outputs; `y` is the row of target values or, with
        ``targets="classes"``, the index of the right class.
    gradient : function ``gradient(a, y, da, *params)``, optional
        Fills the row `da` with the gradient with respect to `a`. Left out, it is derived from
        `value`, usually in one pass over the row.
    targets : "values" or "classes"
        What `y` is.
    params : mapping of str to float
        Parameters and their defaults.
    from_logits : tuple of FromLogits
        Pairs with an output activation, used instead of `value` and `gradient` where they fit.
    threshold : float
        An output above it counts as class 1 when one unit tells two classes apart.
    source : str
        Where the formula comes from.
    domain : (float, float), optional
        The lowest and the highest output that the loss is meant for, such as ``(0.0, 1.0)`` for
        probabilities; checks look there, the ends included. Left out, checks find out by trial.
    widths : tuple of int
        The numbers of outputs to check it with.
    surrogate : bool
        Whether the derivative is another function on purpose, as in a straight-through estimator; it
        is then not compared with the slope.
    outputs_per_target : int
        How many outputs it takes for each target, of a loss on values: 2 for a mean and a variance.
        `y` is shorter than `a` by this factor, and the first ``len(y)`` outputs are the answers.
    """

    kind: ClassVar[str] = "loss"
    name: str
    value: Scalar
    gradient: Callable[..., None] | None = None
    targets: Literal["values", "classes"] = "values"
    params: Mapping[str, float] = field(default_factory=dict)
    from_logits: tuple[FromLogits, ...] = ()
    threshold: float = 0.5
    source: str = ""
    domain: tuple[float, float] | None = None
    widths: tuple[int, ...] = ()
    surrogate: bool = False
    outputs_per_target: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "domain", checked_domain(self.domain, self._fault))
        object.__setattr__(self, "widths", checked_widths(self.widths, self._fault))
        self._check_outputs_per_target()
        if self.targets not in ("values", "classes"):
            raise self._fault(f"targets must be 'values' or 'classes', not {self.targets!r}")
        self._check("value", self.value, "a", "y")
        if self.gradient is not None:
            self._check("gradient", self.gradient, "a", "y", "da")
        if not isinstance(self.threshold, int | float):
            raise self._fault(f"threshold must be a number, not {self.threshold!r}")
        object.__setattr__(self, "from_logits", self._pairs())
        for pair in self.from_logits:
            role = f"from_logits[{pair.activation}]"
            self._check(f"{role}.value", pair.value, "z", "a", "y")
            self._check(f"{role}.gradient", pair.gradient, "z", "a", "y", "dz")

    def _check_outputs_per_target(self) -> None:
        count = self.outputs_per_target
        if type(count) is not int or count < 1:
            raise self._fault(f"outputs_per_target must be a whole number from 1, not {count!r}")
        if count > 1 and self.targets == "classes":
            raise self._fault(
                "outputs_per_target is for losses on values",
                "The target of a loss on classes is a single index, however many outputs there are.",
            )
        odd = next((width for width in self.widths if width % count), None)
        if odd is not None:
            raise self._fault(f"widths has {odd}, and with {count} outputs for each target they must divide by {count}")

    def _pairs(self) -> tuple[FromLogits, ...]:
        pairs = (self.from_logits,) if isinstance(self.from_logits, FromLogits) else self.from_logits
        if not isinstance(pairs, list | tuple) or not all(isinstance(pair, FromLogits) for pair in pairs):
            such = 'from_logits=[FromLogits("sigmoid", value, gradient)]'
            raise self._fault("from_logits must be a list of FromLogits records", f"Write {such}.")
        return tuple(pairs)

    def weighted(self, weights: Sequence[float]) -> Loss:
        """The same loss, with a weight for each class: that of a row counts so many times.

        Raises as `derivative` does.
        """
        from neurosim.formulas.weighting import weighted

        target: Literal["class", "row"] = "class" if self.targets == "classes" else "row"
        own = tuple(map(float, weights))

        def of(function: Callable[..., Any], rows: tuple[str, ...], filled: str = "") -> Callable[..., Any]:
            arguments = (*rows, "y", *([filled] if filled else []), *self.params)
            return weighted(function, arguments, filled, target, own)

        pairs = (
            FromLogits(pair.activation, of(pair.value, ("z", "a")), of(pair.derivative, ("z", "a"), "dz"))
            for pair in self.from_logits
        )
        return replace(
            self,
            name=f"weighted_{self.name}",
            value=of(self.value, ("a",)),
            gradient=of(self.derivative, ("a",), "da"),
            from_logits=tuple(pairs),
        )

    def pair_for(self, activation: str) -> FromLogits | None:
        """The pair for the output activation named, or None."""
        return next((pair for pair in self.from_logits if pair.activation == activation), None)

    @property
    def derivative(self) -> Callable[..., None]:
        """`gradient`, or the one derived from `value` where `gradient` was left out.

        Raises
        ------
        PluginError
            Naming file and line, where `value` cannot be derived.
        """
        if self.gradient is not None:
            return self.gradient
        from neurosim.formulas.derivatives import derive_gradient

        return derive_gradient(self.value)

    @property
    def target_kind(self) -> ArgumentKind:
        """What `y` is to a compiler."""
        return "class" if self.targets == "classes" else "row" if self.outputs_per_target == 1 else "short"

    @property
    def formulas(self) -> tuple[Formula, ...]:
        """The functions that compilers see; raises as `derivative` does."""
        y = self.target_kind
        found = [
            formula("value", self.value, ["row", y], self.params, 1),
            formula("gradient", self.derivative, ["row", y, "row"], self.params, 0),
        ]
        for pair in self.from_logits:
            role = f"from_logits[{pair.activation}]"
            found += [
                formula(f"{role}.value", pair.value, ["row", "row", y], self.params, 1),
                formula(f"{role}.gradient", pair.gradient, ["row", "row", y, "row"], self.params, 0),
            ]
        return tuple(found)
