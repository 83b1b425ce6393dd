"""Formulas of a run as code: its activations, its optimizer and its schedule, printed from what their authors wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from neurosim.builtins.activations import relu
from neurosim.builtins.schedules import milestones
from neurosim.exchange.wording import LONGEST, identifier, number
from neurosim.formulas.arrays import PYTHON, ArrayPrinter, Library
from neurosim.formulas.folding import Folding
from neurosim.formulas.form import Const, Expression, Formula, Name, Unary
from neurosim.formulas.reader import read
from neurosim.formulas.straight import Straight, straight
from neurosim.formulas.vectors import with_constants
from neurosim.network.layers import Chosen, ChosenActivation
from neurosim.network.training import Training
from neurosim.plugin import Activation, Schedule

# A longer expression gets a function of its own.
_INLINE = 24


@dataclass
class Functions:
    """The functions that a script defines for its formulas.

    Attributes
    ----------
    library : Library
        What they are written in.
    shorter : mapping of function to str
        What the library has for a formula, ``{z}`` for its argument.
    texts : dict of str to str
        Their definitions by name, in order.
    needed : dict of str to str
        What has to be defined before them, by name.
    """

    library: Library
    shorter: Mapping[Callable[..., Any], str]
    taken: set[str]
    texts: dict[str, str] = field(default_factory=dict)
    needed: dict[str, str] = field(default_factory=dict)
    _names: dict[tuple[Any, ...], str] = field(default_factory=dict)

    def activation(self, chosen: ChosenActivation, z: str) -> str:
        """The call, or the expression, for the activation of what is called `z`."""
        record = chosen.record
        assert isinstance(record, Activation)
        if record.f in self.shorter:
            return self.shorter[record.f].format(z=z)
        about = f"{record.name.replace('_', ' ')}{with_settings(chosen)}"
        return self._call(chosen, record.f, record.name, f"The activation {about}.", {"z": z}, inline=0)

    def derivative(self, chosen: ChosenActivation, z: str, a: str) -> str:
        """The same for its derivative, where `a` is what the activation of `z` is called; empty where that is 1."""
        record = chosen.record
        assert isinstance(record, Activation)
        if record.f is relu:
            return f"({z} > 0)"
        about = f"The derivative of {record.name.replace('_', ' ')}{with_settings(chosen)}."
        name = f"{record.name}_derivative"
        text = self._call(chosen, record.derivative, name, about, {"z": z, "a": a}, inline=_INLINE)
        return "" if text == "1" else text

    def _call(
        self,
        chosen: Chosen[Any],
        function: Callable[..., Any],
        wish: str,
        about: str,
        given: Mapping[str, str],
        inline: int,
    ) -> str:
        """A call with what is `given` for the first arguments; or the expression itself, if it is short."""
        formula = read(function)
        own = formula.params[: len(formula.params) - len(chosen.values)]
        called = dict(zip(own, given.values(), strict=False))
        values = zip(formula.params[len(own) :], chosen.values, strict=True)
        known: dict[str, Expression] = {name: constant(value) for name, value in values}
        found = straight(formula, known, Folding(), own)
        if found.expression is not None and inline:
            renamed = Folding().folded(found.expression, {name: Name(meant) for name, meant in called.items()})
            printer = ArrayPrinter(formula, self.library, called.values())
            text = printer.text(renamed, least=5)
            if len(text) <= inline and not printer.needed:
                return text
        reads = (function, chosen.values)
        if reads not in self._names:
            name = self._names[reads] = identifier(wish, {*self.taken, *self.texts})
            self.define(name, formula, found, about, own)
        return f"{self._names[reads]}({', '.join(called[name] for name in found.arguments)})"

    def entries(
        self, name: str, formula: Formula, chosen: Chosen[Any], rows: Sequence[str], about: str
    ) -> tuple[str, ...]:
        """Define a formula for one entry of some rows; returns which of them it takes."""
        own = dict(zip(formula.params, rows, strict=False))
        settings = zip(formula.params[len(rows) :], chosen.values, strict=True)
        known: dict[str, Expression] = {setting: constant(value) for setting, value in settings}
        found = straight(formula, known, Folding(), own)
        self.define(name, formula, found, about, own)
        return tuple(own[argument] for argument in found.arguments)

    def define(
        self,
        name: str,
        formula: Formula,
        found: Straight,
        about: str,
        arrays: Iterable[str],
        library: Library | None = None,
    ) -> None:
        """Add the definition of a formula."""
        printer = ArrayPrinter(formula, library or self.library, arrays)
        lines = printer.lines(found.body, LONGEST)
        head = f"def {name}({', '.join(found.arguments)}):"
        self.texts[name] = "\n".join([head, f'    """{about}"""', *lines])
        self.needed |= printer.needed


@dataclass(frozen=True)
class Rule:
    """An optimizer's rule as a function of the script.

    Attributes
    ----------
    name : str
        What it is called.
    arguments : tuple of str
        What it takes: some of w, g, the record's slots, t and lr.
    slots : tuple of str
        The slots that it needs.
    constants : dict of str to float
        Names of its settings, with their values.
    """

    name: str
    arguments: tuple[str, ...]
    slots: tuple[str, ...]
    constants: dict[str, float]


def optimizer_rule(training: Training, functions: Functions, *, scheduled: bool) -> Rule:
    """Define the optimizer's rule; its settings are constants, and the learning rate an argument if it is scheduled."""
    record, values = training.optimizer.record, training.optimizer.params
    formula = read(record.update)
    count = len(formula.params) - len(values)
    own, settings = formula.params[:count], formula.params[count:]
    known: dict[str, Expression] = {}
    constants: dict[str, float] = {}
    for name, (given, value) in zip(settings, values.items(), strict=True):
        if given == "lr" and scheduled:
            continue
        if value in (0.0, 1.0) and given != "lr":
            known[name] = constant(value)
        else:
            word = "LEARNING_RATE" if given == "lr" else identifier(given.upper())
            known[name], constants[word] = Name(word), value
    # The weights, the gradients and the slots are arrays, the number of the step is not.
    arrays = own[: 2 + len(record.slots)]
    folding = Folding(constants, frozenset({own[-1]}))
    whole = straight(formula, known, folding, arrays)
    needed = [place for place, name in enumerate(arrays[2:], 1) if name in whole.arguments]
    found = straight(formula, known, folding, arrays, [0, *needed])
    name = identifier(record.name, functions.taken)
    about = f"The new values of parameters {arrays[0]} with the gradient {arrays[1]}."
    functions.define(name, formula, found, about, arrays)
    used = {word: value for word, value in constants.items() if word in functions.texts[name]}
    roles = dict(zip(formula.params, ("w", "g", *record.slots, "t", *values), strict=True))
    slots = tuple(record.slots[place - 1] for place in needed)
    return Rule(name, tuple(roles[argument] for argument in found.arguments), slots, used)


class Course(NamedTuple):
    """The function of a schedule: its name, and what the script calls the step or the epoch that it takes."""

    name: str
    place: str


def schedule_function(training: Training, functions: Functions) -> Course | None:
    """Define the factor of the learning rate as a function of the step, or of the epoch; None where it is always 1."""
    chosen = training.schedule
    if chosen is None or not isinstance(chosen.record, Schedule):
        return None
    record = chosen.record
    params: dict[str, Any] = chosen.params
    vectors = {name: tuple(params[name]) for name in record.vectors}
    name = identifier(record.name, functions.taken)
    unit = record.unit.removesuffix("s")
    about = f"The factor of the learning rate in {unit} number `{unit}`, counted from 0."
    course = Course(name, "epoch" if record.unit == "epochs" else "t")
    if record.factor is milestones:
        places = ", ".join(map(number, vectors["at"]))
        value = f"{number(params['factor'])} ** sum(epoch >= place for place in [{places}])"
        functions.texts[name] = f'def {name}(epoch):\n    """{about}"""\n    return {value}'
        return course
    formula = read(with_constants(record.factor, vectors) if vectors else record.factor)
    place, total, *settings = formula.params
    numbers = (value for setting, value in params.items() if setting not in vectors)
    known: dict[str, Expression] = {name: constant(value) for name, value in zip(settings, numbers, strict=True)}
    known[total] = Name("EPOCHS" if record.unit == "epochs" else "STEPS")
    found = straight(formula, known, Folding({}, frozenset({place})))
    if isinstance(found.expression, Const) and found.expression.value == 1:
        return None
    about = f"The factor of the learning rate in {unit} number `{place}`, counted from 0."
    found = Straight(found.body, (place,))
    functions.define(name, formula, found, about, (), PYTHON)
    return course


def constant(value: float) -> Expression:
    """A setting's value as an expression."""
    return Const(value) if value >= 0 else Unary("-", Const(-value))


def with_settings(chosen: Chosen[Any]) -> str:
    """The settings of a record, in words."""
    parts = [f"{name} = {number(value)}" for name, value in chosen.params.items()]
    return f" with {', '.join(parts)}" if parts else ""
