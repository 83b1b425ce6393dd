"""How layers stand in a scenario: the base of their tables, and putting these on a stack."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import PrivateAttr

from neurosim.errors import PluginError
from neurosim.network.layers.base import Chosen, choose
from neurosim.network.layers.stack import Place, Stack
from neurosim.network.layers.weighted import learned_names
from neurosim.network.sections import ActivationChoice, Choice, Section
from neurosim.plugin.host import BUILTIN, Catalog, Entry, Registry

# More than anyone intends; each layer costs memory and time before training begins.
MAX_LAYERS = 10_000
MAX_REPEAT = 1000

KIND = "Kind of layer."
FROZEN = (
    "Whether its parameters stay as they are. Batch norm that is frozen uses its running statistics and keeps them; "
    "l1 and l2 count for nothing."
)
IDENTITY = f"{BUILTIN}:identity"


class LayerSection(Section, ABC):
    """Base of the tables of layers, one for each kind; its docstring, which users see, says what the layer does.

    Attributes
    ----------
    rows : {"map", "vector", "either"}
        How a layer of the kind takes rows that are images; "either" leaves it to the next layer.
    any_axes : bool
        Whether it takes maps without channels too.
    learns : bool
        Whether it has parameters of its own.
    passes_through : bool
        Whether, but for training, the numbers that go out are those that come in.
    may_be_output : bool
        Whether it can be the last layer.
    in_network : bool
        Whether it is a layer of the network, not only a way to write others.
    width_key : str
        Of a layer with weights the key that says how many outputs have weights of their own; else empty.
    holds : bool
        Whether it holds other layers.
    """

    rows: ClassVar[Literal["map", "vector", "either"]] = "either"
    any_axes: ClassVar[bool] = False
    learns: ClassVar[bool] = False
    passes_through: ClassVar[bool] = False
    may_be_output: ClassVar[bool] = True
    in_network: ClassVar[bool] = True
    width_key: ClassVar[str] = ""
    holds: ClassVar[bool] = False

    kind: str
    _usual_init: Choice | None = PrivateAttr(default=None)

    @abstractmethod
    def build(self, stack: Stack) -> None:
        """Put the layer on a stack; raises ShapeError where it does not fit."""

    @property
    def chains(self) -> Mapping[str, Sequence[LayerSection]]:
        """The layers that it holds, in chains that are each given what comes in; by the key path of each."""
        return {}

    @property
    def inside(self) -> Sequence[LayerSection]:
        """All layers that it holds."""
        return [layer for chain in self.chains.values() for layer in chain]

    @property
    def times(self) -> int:
        """How many times it stands in the network."""
        return 1

    @property
    def drawn_for(self) -> str | None:
        """Name of the activation whose usual initializer draws the initial values; None where that is not left open."""
        return None

    @property
    def starts_given(self) -> bool:
        """Whether the table gives initial values of its own, beside which no initializer is written."""
        return False

    @property
    def initializer(self) -> Choice | None:
        """How initial values are drawn: as the table says, or as is usual where it leaves that open."""
        return self._usual_init or getattr(self, "init", None)

    @property
    def entries(self) -> Iterator[Entry]:
        """The records that it names or leaves open."""
        chosen = [getattr(self, key) for key, _ in choices_of(type(self)) if key != "init"]
        yield from (choice.entry for choice in (*chosen, self.initializer) if choice is not None)

    def completed(self, registry: Registry) -> Self:
        """The table with the defaults of its records, and the usual initializer where none is named."""
        update: dict[str, Any] = {}
        for key, catalog in choices_of(type(self)):
            chosen = getattr(self, key)
            if chosen is not None:
                update[key] = completed_choice(chosen, getattr(registry, catalog))
        usual = None
        if self.drawn_for is not None:
            entry = usual_initializer(self.drawn_for, registry)
            usual = completed_choice(Choice(name=registry.initializers.spelling(entry)), registry.initializers)
            if not self.starts_given:
                update["init"] = usual
        update |= self._inside_made(lambda section: section.completed(registry))
        completed = self.model_copy(update=update)
        completed._usual_init = usual
        return completed

    def without_start_values(self) -> Self:
        """The table of a trained layer, which says nothing of how its weights began."""
        update: dict[str, Any] = {"init": None} if "init" in type(self).model_fields else {}
        update |= self._inside_made(lambda section: section.without_start_values())
        return self.model_copy(update=update)

    def _inside_made(self, make: Callable[[LayerSection], LayerSection]) -> dict[str, Any]:
        """The values of the keys that hold layers, with what is made of each of these."""
        made: dict[str, Any] = {}
        for path, chain in self.chains.items():
            key, _, place = path.partition(".")
            changed = [make(section) for section in chain]
            if place:
                made.setdefault(key, []).append(changed)
            else:
                made[key] = changed
        return made

    # These read tables as they stand in a file, where values may be of the wrong type.

    @classmethod
    def outputs_of(cls, table: Mapping[str, Any], inputs: int | None) -> int | None:
        """Numbers in a row that goes out; None for maps, and where only the data can tell."""
        return None

    @classmethod
    def faults_of(cls, table: Mapping[str, Any], inputs: int | None) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Values that do not go together: the key path in the table, and what is wrong."""
        return iter(())

    @classmethod
    def joined(cls, widths: Sequence[int | None]) -> int | None:
        """Numbers in a row that goes out, from those of each chain of layers that it holds."""
        return widths[-1] if widths else None

    @classmethod
    def layers_of(cls, table: Mapping[str, Any]) -> int:
        """Layers of the network that it stands for, besides those inside it."""
        return 1


if TYPE_CHECKING:
    # What the layers that hold others name; `kinds`, where all kinds are known, gives pydantic its meaning.
    AnyLayer = LayerSection


class SameWidthSection(LayerSection):
    """Base of the tables of layers that put out as many numbers as come in."""

    @classmethod
    def outputs_of(cls, table: Mapping[str, Any], inputs: int | None) -> int | None:
        """Numbers in a row that goes out: those that come in."""
        return inputs


def choices_of(section: type[Section]) -> list[tuple[str, str]]:
    """The keys of a section that name a record, and the catalogs that these are looked up in."""
    extras = ((key, field.json_schema_extra) for key, field in section.model_fields.items())
    return [(key, str(extra["names"])) for key, extra in extras if isinstance(extra, dict) and "names" in extra]


def completed_choice(chosen: Choice, catalog: Catalog) -> Choice:
    """A choice with its record, and all parameters of it in the record's order."""
    entry = catalog.entry(chosen.name)
    completed: dict[str, Any] = {**written_defaults(entry.record), **chosen.params}
    if isinstance(chosen, ActivationChoice) and learned_names(entry.record):
        completed["per"] = chosen.per or entry.record.per
    return type(chosen)(name=chosen.name, **completed).found(entry)


def written_defaults(record: Any) -> dict[str, Any]:
    """The defaults of a record's parameters as scenarios write them: vectors are lists."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in record.params.items()}


def usual_initializer(activation: str, registry: Registry) -> Entry:
    """The initializer that an activation is usually drawn with.

    Raises
    ------
    PluginError
        When the activation names one that is not there.
    """
    entry = registry.activations.entry(activation)
    try:
        return registry.initializers.meant_by(entry.plugin, entry.record.usual_init)
    except PluginError as error:
        owner = f"activation {entry.record.name!r} of plugin {entry.plugin.label}"
        raise PluginError(f"{entry.record.place}: usual_init of {owner}: {error.message}", error.hint) from error


def walk_sections(sections: Iterable[LayerSection]) -> Iterator[LayerSection]:
    """Every table of a layer, and after each one that holds others those inside it."""
    for section in sections:
        yield section
        yield from walk_sections(section.inside)


def build_layers(sections: Sequence[LayerSection], stack: Stack, key: str = "layers") -> None:
    """Put the layers that a table has under a key on a stack; the table is where the stack's place is."""
    path, copies = stack.place.path, stack.place.copies
    for index, section in enumerate(sections):
        for copy in range(1, section.times + 1):
            counted = (f"{'in it ' if copies else ''}copy {copy} of {section.times}",) if section.times > 1 else ()
            stack.go_to(Place(path=f"{path}.{key}.{index}", copies=(*copies, *counted)))
            with stack.freezing(getattr(section, "frozen", False)):
                section.build(stack)


def chosen_of(choice: Choice | None) -> Chosen[Any]:
    """The record of a choice in a completed table, with its parameters."""
    assert choice is not None
    per = choice.per if isinstance(choice, ActivationChoice) else None
    return choose(choice.record, choice.params, per or "")
