"""A scenario as TOML, laid out as a person would write it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tomli_w

from neurosim.errors import ScenarioError
from neurosim.network.layers.section import LayerSection
from neurosim.network.sections import Choice, Section
from neurosim.scenario.augmentation import AugmentationSection
from neurosim.scenario.schema import ScenarioFile
from neurosim.scenario.study import PlotsSection

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
# What Python makes of the bytes of a file name that are not text.
_SURROGATE = re.compile("[\ud800-\udfff]")


def to_toml(sections: ScenarioFile) -> str:
    """The sections of a scenario as a TOML document.

    Raises
    ------
    ScenarioError
        When the name of a file has bytes that are not text.
    """
    lines = ["[scenario]", *_entries(sections.scenario)]
    lines += ["", "[data]", *_entries(sections.data)]
    if sections.augmentation != AugmentationSection():
        lines += ["", "[augmentation]", *_entries(sections.augmentation)]
    lines += ["", "[network]", f"loss = {_value(sections.network.loss)}"]
    weights = sections.network.class_weights
    lines += [] if weights is None else [f"class_weights = {_value(weights)}"]
    lines += _layers(sections.network.layers, "network.layers")
    lines += ["", "[optimizer]", *_entries(sections.optimizer)]
    lines += ["", "[training]", *_entries(sections.training)]
    if sections.expect:
        lines += ["", "[expect]"]
        lines += [f"{metric} = {_value(bound)}" for metric, bound in sections.expect.items()]
    if sections.record is not None:
        lines += ["", "[record]", *_entries(sections.record)]
    if sections.plots != PlotsSection():
        lines += ["", "[plots]", *_entries(sections.plots)]
    for variant in sections.variants:
        lines += ["", "[[variants]]", *_entries(variant)]
    for claim in sections.claims:
        lines += ["", "[[claims]]", *_entries(claim)]
    if sections.play is not None:
        lines += ["", "[play]", *_entries(sections.play.model_copy(update={"questions": None}))]
        for question in sections.play.questions:
            lines += ["", "[[play.questions]]", *_entries(question)]
    if sections.sweep is not None:
        lines += ["", "[sweep]", *_entries(sections.sweep)]
    if sections.requires.plugins:
        lines += ["", "[requires]", *_entries(sections.requires)]
    for line in lines:
        if _SURROGATE.search(line):
            shown = line.encode("utf-8", "backslashreplace").decode()
            raise ScenarioError(
                f"scenario {sections.scenario.name} cannot be written as TOML: {shown} is not text in UTF-8",
                "Rename the file, or the folder that it is in.",
            )
    return "\n".join(lines) + "\n"


def _layers(layers: Sequence[LayerSection], place: str) -> Iterator[str]:
    """The tables of some layers, each with those of the layers inside it behind it."""
    for layer in layers:
        # Lists of lists have no tables of their own in TOML.
        chains = {key: chain for key, chain in layer.chains.items() if "." not in key}
        yield from ("", f"[[{place}]]", *_entries(layer.model_copy(update=dict.fromkeys(chains)) if chains else layer))
        for key, chain in chains.items():
            yield from _layers(chain, f"{place}.{key}")


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
    if isinstance(value, Choice) and list(_items(value)) == ["name"]:
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
