"""The records of losses, and of their pairs with an output activation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from neurosim.errors import ShapeError
from neurosim.plugin.checked_at import checked_domain, checked_widths
from neurosim.plugin.formula import Formula, formula
from neurosim.plugin.record import Declared, Record, Scalar
from neurosim.plugin.vectors import with_vectors

if TYPE_CHECKING:
    from neurosim.formulas.kinds import ArgumentKind


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
    params : mapping of str to float or tuple of float
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
        Whether the derivative is deliberately another function, as in a straight-through estimator; it
        is then not compared with the slope.
    outputs_per_target : int
        How many outputs it takes for each target, of a loss on values: 2 for a mean and a variance.
        `y` is shorter than `a` by this factor, and the first ``len(y)`` outputs are the answers.
    per_output : tuple of str
        Names of parameters that are vectors with a number for each output, which of a loss on classes is each class.
        One number in such a vector stands for all of them.
    """

    kind: ClassVar[str] = "loss"
    name: str
    value: Scalar
    gradient: Callable[..., None] | None = None
    targets: Literal["values", "classes"] = "values"
    params: Mapping[str, Any] = field(default_factory=dict)
    from_logits: tuple[FromLogits, ...] = ()
    threshold: float = 0.5
    source: str = ""
    domain: tuple[float, float] | None = None
    widths: tuple[int, ...] = ()
    surrogate: bool = False
    outputs_per_target: int = 1
    per_output: Sequence[str] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "domain", checked_domain(self.domain, self._fault))
        object.__setattr__(self, "widths", checked_widths(self.widths, self._fault))
        self._check_outputs_per_target()
        object.__setattr__(self, "per_output", self._checked_per_output())
        self._check_word("targets", self.targets, ("values", "classes"))
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
            raise self._fault(f"outputs_per_target must be a whole number, 1 or larger, not {count!r}")
        if count > 1 and self.targets == "classes":
            raise self._fault(
                "outputs_per_target is for losses on values",
                "The target of a loss on classes is a single index, however many outputs there are.",
            )
        odd = next((width for width in self.widths if width % count), None)
        if odd is not None:
            raise self._fault(f"widths has {odd}, which is not divisible by {count}, the outputs for each target")

    def _checked_per_output(self) -> tuple[str, ...]:
        names: Any = self.per_output
        such = repr((names,) if isinstance(names, str) else (next(iter(self.vectors), "weight"),))
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            raise self._fault(f"per_output must be a tuple of names, not {names!r}", f"Write per_output={such}.")
        for name in names:
            if name not in self.vectors:
                listed = f"Its vectors are {', '.join(self.vectors)}." if self.vectors else "It has no vectors."
                hint = f'Write params={{"{name}": (1.0,)}}.' if name in self.params else listed
                raise self._fault(f"per_output names {name!r}, which is not one of its vectors", hint)
        return tuple(names)

    def spread(self, params: Mapping[str, Any], outputs: int) -> dict[str, Any]:
        """Parameters for so many outputs: one number in a vector of `per_output` stands for all of them.

        Raises
        ------
        ShapeError
            When a vector has another number of entries.
        """
        spread = dict(params)
        for name in self.per_output:
            given = tuple(params.get(name, self.params.get(name, ())))
            if len(given) not in (1, outputs):
                each = "class" if self.targets == "classes" else "output"
                what = f"{name} of {self.name} has {len(given)} numbers, but the network has {outputs} outputs"
                raise ShapeError(what, f"Give one number for each {each}, or a single one for all: [{given[0]:g}].")
            spread[name] = given * outputs if len(given) == 1 else given
        return spread

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

        made = self.__dict__.setdefault("_weighted", {})
        if (own := tuple(map(float, weights))) in made:
            return made[own]  # type: ignore[no-any-return]
        target: Literal["class", "row"] = "class" if self.targets == "classes" else "row"

        def of(function: Callable[..., Any], rows: tuple[str, ...], filled: str = "") -> Callable[..., Any]:
            arguments = (*rows, "y", *([filled] if filled else []), *self.params)
            return weighted(function, arguments, filled, target, own)

        pairs = (
            FromLogits(pair.activation, of(pair.value, ("z", "a")), of(pair.derivative, ("z", "a"), "dz"))
            for pair in self.from_logits
        )
        made[own] = replace(
            self,
            name=f"weighted_{self.name}",
            value=of(self.value, ("a",)),
            gradient=of(self.derivative, ("a",), "da"),
            from_logits=tuple(pairs),
        )
        object.__setattr__(made[own], "_unweighted", self)
        return made[own]  # type: ignore[no-any-return]

    @property
    def unweighted(self) -> Loss:
        """The loss without the weights that `weighted` gave it."""
        return self.__dict__.get("_unweighted", self)  # type: ignore[no-any-return]

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
        if self.vectors:
            return with_vectors(self).formulas
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
