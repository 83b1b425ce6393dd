"""The record of a gate: what a gated unit makes of two numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from neurosim.plugin.formula import Formula, formula
from neurosim.plugin.record import Record, Scalar
from neurosim.plugin.vectors import with_vectors


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
    params: Mapping[str, Any] = field(default_factory=dict)
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
        if self.vectors:
            return with_vectors(self).formulas
        functions = zip(("f", "du", "dv"), (self.f, *self.derivative), strict=True)
        return tuple(formula(role, function, ["number"] * 2, self.params, 1) for role, function in functions)
