"""The record of an optimizer, whose functions are compiled too (see `formula`)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from neurosim.plugin.formula import Formula, formula
from neurosim.plugin.record import Record
from neurosim.plugin.reductions import IS_BIAS, OPERATIONS, Reduction, UpdatePart, helpers_of, parse, parts_of
from neurosim.plugin.vectors import with_vectors
from neurosim.suggestions import did_you_mean

if TYPE_CHECKING:
    from neurosim.formulas.kinds import ArgumentKind


@dataclass(frozen=True)
class Optimizer(Record):
    """A rule that updates one parameter from its gradient.

    Parameters
    ----------
    name : str
        How scenarios call it.
    update : function ``update(w, g, *slots, t, *params) -> (w, *slots)``
        New value of the parameter `w` with gradient `g`, and of its slots. `t` counts the steps
        from 1. Without slots it returns `w` alone. Expressions of `t` and `params` only are worked
        out once a step, not once a parameter.
        With a `direction` it is ``update(w, u, t, *params) -> w``.
    slots : tuple of str
        Names of the numbers kept for each parameter between steps; all start at 0.
    params : mapping of str to float or tuple of float
        Parameters and their defaults; the learning rate is the one called ``lr``, which must exist.
    source : str
        Where the rule comes from.
    direction : function ``direction(w, g, *slots, t, *params) -> (u, *slots)``, optional
        Where the step would lead, worked out for all parameters before any of them is updated.
    reductions : mapping of str to str
        Numbers that sum up whole arrays, such as ``{"w_norm": "l2(w)"}``. A function gets those that it names among
        its arguments, right before `t`; and there `IS_BIAS`, if it names that.
    """

    kind: ClassVar[str] = "optimizer"
    name: str
    update: Callable[..., Any]
    slots: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    direction: Callable[..., Any] | None = None
    reductions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "slots", self._slots())
        object.__setattr__(self, "reductions", MappingProxyType(self._checked_reductions()))
        if "lr" not in self.params:
            raise self._fault("params must have a learning rate called 'lr'", 'Write params={"lr": 0.01}.')
        if "lr" in self.vectors:
            raise self._fault("the learning rate 'lr' must be one number, not a vector", 'Write params={"lr": 0.01}.')
        if self.direction is not None and "u" in self.slots:
            raise self._fault("a slot is called 'u', as the direction is", "Call the slot something else.")
        if self.direction is None:
            used = self._check_part("update", self.update, "w", "g", *self.slots)
        else:
            used = self._check_part("direction", self.direction, "w", "g", *self.slots)
            early = [name for name in used if name != IS_BIAS and self.parsed[name].of == "u"]
            if early:
                raise self._fault(
                    f"direction takes {early[0]!r}, which is taken of the direction itself", "Use it in update."
                )
            used += self._check_part("update", self.update, "w", "u")
        unused = [name for name in self.reductions if name not in used]
        if unused:
            raise self._fault(
                f"the reduction {unused[0]!r} is used by no function", f"Add {unused[0]} to its arguments, before t."
            )

    def _slots(self) -> tuple[str, ...]:
        slots: Any = self.slots
        if not isinstance(slots, list | tuple) or not all(isinstance(slot, str) for slot in slots):
            such = repr((slots,) if isinstance(slots, str) else ("velocity",))
            raise self._fault(f"slots must be a tuple of names, not {slots!r}", f"Write slots={such}.")
        return tuple(slots)

    def _checked_reductions(self) -> dict[str, str]:
        """A copy of the reductions; raises PluginError for those that are none."""
        known = ["w", "g", *(["u"] if self.direction is not None else []), *self.slots]
        found = {}
        if not isinstance(self.reductions, Mapping):
            raise self._fault('reductions must be like {"w_norm": "l2(w)"}')
        for name, text in self.reductions.items():
            if not isinstance(name, str) or not name.isidentifier():
                raise self._fault(f"reduction {name!r} must be an identifier")
            if name in (*known, "u", "t", IS_BIAS, *self.params):
                raise self._fault(f"{name!r} is a reduction and something else too", "Call it something else.")
            try:
                found[name] = parse(name, text, known).text
            except ValueError as error:
                hint = f"Operations: {', '.join(OPERATIONS)}."
                if self.direction is None and "'u'" in str(error):
                    hint = "u is what the function direction returns; give one, or take the reduction of g."
                raise self._fault(f"reduction {name!r}: {error}", hint) from error
        return found

    def _check_part(self, role: str, function: Any, *numbers: str) -> tuple[str, ...]:
        """The helpers that a function of the rule takes; raises PluginError where its arguments are wrong."""
        helpers = helpers_of(function, len(numbers), self.params) if callable(function) else ()
        known = [*self.reductions, IS_BIAS]
        unknown = [name for name in helpers if name not in known]
        expected = ", ".join([*numbers, "[reductions]", "t", *self.params])
        if "t" in unknown:
            names = ", ".join(inspect.signature(function).parameters)
            raise self._fault(f"{role} takes ({names}), expected ({expected})", "Reductions come right before t.")
        if unknown and (self.reductions or self.direction is not None or did_you_mean(unknown[0], [IS_BIAS])):
            near = did_you_mean(unknown[0], known) or f"there are {', '.join(known)}"
            what = f"{role} takes {unknown[0]!r} before t, which is no reduction; {near}"
            raise self._fault(what, f"Its arguments are ({expected}).")
        if unknown:
            helpers = ()
        self._check(role, function, *numbers, *helpers, "t")
        return helpers

    @property
    def parsed(self) -> dict[str, Reduction]:
        """The reductions, by name."""
        known = ["w", "g", "u", *self.slots]
        return {name: parse(name, text, known) for name, text in self.reductions.items()}

    @property
    def parts(self) -> tuple[UpdatePart, ...]:
        """The functions of the rule in the order in which they are called."""
        return parts_of(self.update, self.direction, self.slots, self.parsed, tuple(self.params))

    @property
    def looks_at_arrays(self) -> bool:
        """Whether the rule needs to know more than a number, its gradient and its slots."""
        return self.direction is not None or any(part.helpers for part in self.parts)

    @property
    def formulas(self) -> tuple[Formula, ...]:
        """The functions that compilers see."""
        if self.vectors:
            return with_vectors(self).formulas
        found = []
        for part in self.parts:
            numbers: list[ArgumentKind] = ["number"] * (len(part.numbers) + len(part.helpers) + 1)
            found.append(formula(part.role, part.function, numbers, self.params, len(part.results)))
        return tuple(found)
