"""Everything that the pictures of a run show, as plain data that can be sent to another process."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, is_dataclass
from typing import TYPE_CHECKING, Any

from neurosim.analysis.catalog import function, is_usual, missing
from neurosim.analysis.failures import RAISED, Failures
from neurosim.analysis.packing import pack, unpack
from neurosim.scenario.pictures import PICTURES

if TYPE_CHECKING:  # what draws these numbers need not load a simulator
    from neurosim.training.simulator import Simulator


@dataclass(frozen=True)
class RunFacts:
    """What there is to draw of a run.

    Attributes
    ----------
    title : str
        Title of the scenario.
    pictures : tuple of str
        Names of the pictures to draw.
    formats : tuple of str
        The formats in which to write them: "png", "svg".
    parts : dict of str to facts
        What the pictures are drawn from, by the function that collected it; several may be drawn from the same.
    """

    title: str
    pictures: tuple[str, ...]
    formats: tuple[str, ...] = ("png",)
    parts: dict[str, Any] = field(default_factory=dict)

    def part(self, picture: str) -> Any:
        """What a picture is drawn from."""
        return self.parts[PICTURES[picture].facts]

    def to_bytes(self) -> bytes:
        """The facts as an npz archive; `from_bytes` reads it."""
        return pack(self)

    @staticmethod
    def from_bytes(content: bytes) -> RunFacts:
        """Facts from what `to_bytes` gave."""
        facts: RunFacts = unpack(content, _classes())
        return facts


def _classes() -> Iterator[type]:
    """The classes that facts are made of, each loaded when it is its turn."""
    yield RunFacts
    for reference in dict.fromkeys(picture.facts for picture in PICTURES.values()):
        module = sys.modules[function(reference).__module__]
        yield from (entry for entry in vars(module).values() if isinstance(entry, type) and is_dataclass(entry))


def run_facts(
    simulator: Simulator,
    pictures: Sequence[str] | None = None,
    formats: Sequence[str] | None = None,
    failures: Failures = RAISED,
) -> RunFacts:
    """Collect what there is to draw of a trained simulator.

    Left out, pictures and formats are those that the scenario's ``[plots]`` asks for. Pictures that this network cannot
    have are skipped, and so is a picture whose facts cannot be collected: the exception goes into `failures`.
    """
    asked = simulator.scenario.plots
    wanted = asked.pictures if pictures is None else pictures
    names = []
    for name in dict.fromkeys(PICTURES if wanted is None else wanted):
        with failures.kept(name):
            if (wanted is not None or is_usual(name, simulator)) and not missing(name, simulator):
                names.append(name)
    parts: dict[str, Any] = {}
    for part in dict.fromkeys(PICTURES[name].facts for name in names):
        with failures.kept(*(name for name in names if PICTURES[name].facts == part)):
            parts[part] = function(part)(simulator)
    drawn = tuple(name for name in names if name not in failures and _has_something(name, parts))
    return RunFacts(simulator.scenario.scenario.headline, drawn, tuple(formats or asked.formats), parts)


def _has_something(name: str, parts: dict[str, Any]) -> bool:
    """Whether there is anything to draw."""
    picture = PICTURES[name]
    part = parts[picture.facts]
    return bool(getattr(part, picture.within) if picture.within else part)
