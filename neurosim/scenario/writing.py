"""A scenario as TOML, laid out as a person would write it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import tomli_w

from neurosim.errors import ScenarioError
from neurosim.network.sections import Choice, Section
from neurosim.scenario.augmentation import AugmentationSection
from neurosim.scenario.study import PlotsSection

if TYPE_CHECKING:
    from neurosim.scenario.load import Scenario

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
# What Python makes of the bytes of a file name that are no text.
_SURROGATE = re.compile("[\ud800-\udfff]")


def to_toml(scenario: Scenario) -> str:
    """The scenario as a TOML document; loads to an equal scenario.

    Where there are variants, defaults are left out: what a variant says decides on the defaults of its own.

    Raises
    ------
    ScenarioError
        When the name of a file has bytes that are no text.
    """
    given: Any = scenario.given if scenario.variants else scenario
    # The seed, and data files named from the root, may be others than those given.
    lines = ["[scenario]", *_entries(scenario.scenario)]
    data = scenario.data
    if scenario.variants:
        data = data.model_copy(update={"standardize_targets": given.data.standardize_targets})
    lines += ["", "[data]", *_entries(data)]
    if given.augmentation != AugmentationSection():
        lines += ["", "[augmentation]", *_entries(given.augmentation)]
    lines += ["", "[network]", f"loss = {_value(given.network.loss)}"]
    lines += _layers(given.network.layers, "network.layers")
    lines += ["", "[optimizer]", *_entries(given.optimizer)]
    lines += ["", "[training]", *_entries(given.training)]
    if given.expect:
        lines += ["", "[expect]"]
        lines += [f"{metric} = {_value(bound)}" for metric, bound in given.expect.items()]
    if given.record is not None:
        lines += ["", "[record]", *_entries(given.record)]
    if given.plots != PlotsSection():
        lines += ["", "[plots]", *_entries(given.plots)]
    if scenario.variants:
        for variant in given.variants:
            lines += ["", "[[variants]]", *_entries(variant)]
    for claim in given.claims:
        lines += ["", "[[claims]]", *_entries(claim)]
    if given.requires.plugins:
        lines += ["", "[requires]", *_entries(given.requires)]
    for line in lines:
        if _SURROGATE.search(line):
            shown = line.encode("utf-8", "backslashreplace").decode()
            raise ScenarioError(
                f"scenario {scenario.scenario.name} cannot be written as TOML: {shown} is no text in UTF-8",
                "Rename the file, or the folder that it is in.",
            )
    return "\n".join(lines) + "\n"


def _layers(layers: list[Any], place: str) -> Iterator[str]:
    """The tables of some layers, each with those of the layers inside it behind it."""
    for layer in layers:
        inner = getattr(layer, "layers", [])
        yield from ("", f"[[{place}]]", *_entries(layer.model_copy(update={"layers": None}) if inner else layer))
        yield from _layers(inner, f"{place}.layers")


def _items(section: Section) -> dict[str, Any]:
    """Fields and further keys that have a value; those left out have no place in TOML."""
    names = [*type(section).model_fields, *(section.__pydantic_extra__ or {})]
    return {name: getattr(section, name) for name in names if getattr(section, name) is not None}


def _entries(section: Section) -> Iterator[str]:
    for key, value in _items(section).items():
        yield f"{_key(key)} = {_value(value)}"


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _scalar(key)


def _value(value: Any) -> str:
    if isinstance(value, Choice) and not value.params:
        return _scalar(value.name)
    if isinstance(value, Section):
        value = _items(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(entry)}" for key, entry in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(entry) for entry in value) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    # Several lines read well as several lines, but TOML readers change a bare carriage return.
    readable = isinstance(value, str) and "\r" not in value
    return tomli_w.dumps({"x": value}, multiline_strings=readable).removeprefix("x = ").removesuffix("\n")
