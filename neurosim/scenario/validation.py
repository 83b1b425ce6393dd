"""From a tree of values to the sections of `schema.py`, and from pydantic's errors to faults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from neurosim.network.layers.kinds import SECTIONS
from neurosim.network.network_section import NetworkSection
from neurosim.scenario.faults import Fault, show
from neurosim.scenario.keys import keys_at, meaning_of
from neurosim.scenario.locate import KeyPath, value_at
from neurosim.scenario.pictures import PICTURES
from neurosim.scenario.schema import ScenarioFile
from neurosim.scenario.study import QUANTITIES
from neurosim.suggestions import unknown

# More errors than anybody reads; each costs a search for the nearest spelling.
_MAX_ERRORS = 200

_MISSING = "required, but missing"

# What was expected, by the type of pydantic's error; braces are filled from its context. Our own errors say it.
_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "a table",
    "finite_number": "a finite number",
    "float_type": "a number",
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "int_type": "a whole number",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "a number of at most {le}",
    "list_type": "a list",
    "literal_error": "{expected}",
    "model_attributes_type": "a table",
    "model_type": "a table",
    "string_pattern_mismatch": "lower-case letters, digits and hyphens only",
    "string_too_long": "at most {max_length} characters",
    "string_type": "text in quotes",
    "too_long": "at most {max_length} of them",
    "too_short": "at least {min_length} of them",
}


def validate(tree: Mapping[str, Any]) -> tuple[ScenarioFile | None, list[Fault]]:
    """The sections of a scenario, or what is wrong with their shape."""
    try:
        return ScenarioFile.model_validate(tree), []
    except ValidationError as error:
        return None, _faults(error, tree)


def validate_network(tree: Mapping[str, Any]) -> tuple[NetworkSection | None, list[Fault]]:
    """The ``[network]`` section of a tree, or what is wrong with its shape."""
    try:
        return NetworkSection.model_validate(tree["network"]), []
    except ValidationError as error:
        return None, _faults(error, tree, ("network",))


def _faults(error: ValidationError, tree: Mapping[str, Any], section: KeyPath = ()) -> list[Fault]:
    """What pydantic says of a tree, or of one section of it."""
    details = error.errors(include_url=False)[:_MAX_ERRORS]
    faults = [_fault({**detail, "loc": (*section, *detail["loc"])}, tree) for detail in details]
    return [fault for fault in faults if not _is_explained(fault, faults)]


def _is_explained(fault: Fault, faults: list[Fault]) -> bool:
    """Whether a key is missing only because it is there in a wrong spelling."""
    if not fault.text.startswith(_MISSING):
        return False
    suggestion = f'did you mean "{fault.path[-1]}"?'
    return any(other.path[:-1] == fault.path[:-1] and suggestion in other.text for other in faults)


def _fault(detail: ErrorDetails, tree: Mapping[str, Any]) -> Fault:
    path = _key_path(detail["loc"], tree)
    kind, value = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        return Fault(path, _unknown("key", str(path[-1]), keys_at(path[:-1], tree)))
    if kind == "missing":
        return Fault(path, f"{_MISSING}. {meaning_of(path, tree) or 'A value is expected.'}")
    if kind == "literal_error" and path[:2] == ("plots", "pictures"):
        return Fault(path, _unknown("picture", str(value), PICTURES))
    if kind == "literal_error" and path[:2] == ("record", "quantities"):
        return Fault(path, _unknown("measure", str(value), QUANTITIES))
    if kind == "union_tag_not_found":
        return Fault((*path, "kind"), f"{_MISSING}; expected one of: {', '.join(SECTIONS)}")
    if kind == "union_tag_invalid":
        given = value.get("kind") if isinstance(value, Mapping) else value
        return Fault((*path, "kind"), _unknown("kind of layer", str(given), SECTIONS))
    if kind in _EXPECTED:
        return Fault(path, f"expected {_EXPECTED[kind].format(**detail.get('ctx', {}))}, not {show(value)}")
    return Fault(path, f"{detail['msg']}, not {show(value)}")


def _unknown(what: str, word: str, known: Any) -> str:
    message, hint = unknown(what, word, known)
    # The word stands in the key path already.
    return f"unknown key; {hint}" if what == "key" else f"unknown {what} {show(word)}; {hint}" if hint else message


def _key_path(loc: tuple[str | int, ...], tree: Mapping[str, Any]) -> KeyPath:
    """The place in the file: pydantic's, without the names of the alternatives it tried."""
    path: KeyPath = ()
    here: Any = tree
    at_element = False
    for index, part in enumerate(loc):
        if isinstance(here, Mapping):
            # A layer's kind stands behind its place; it may be the name of one of its keys too.
            is_kind = at_element and part == here.get("kind")
            at_element = False
            if is_kind or part == "[key]" or (part not in here and index < len(loc) - 1):
                continue
        elif not (isinstance(here, list) and isinstance(part, int)):
            continue
        path, here = (*path, part), value_at(here, (part,))
        at_element = isinstance(part, int)
    return path
