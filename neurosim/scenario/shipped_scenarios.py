"""The scenarios that come with neurosim."""

from __future__ import annotations

from pathlib import Path

from neurosim.scenario.course import lessons

_PACKAGE = Path(__file__).resolve().parent.parent
# Inside the package when installed, beside it in a checkout.
_FOLDERS = (_PACKAGE / "scenarios", _PACKAGE.parent / "scenarios")
# Published networks whose data did not come with neurosim.
_ARCHITECTURES = "architectures"


def shipped() -> dict[str, Path]:
    """Files of the shipped scenarios by name, in the order of the course."""
    order = {name: place for place, name in enumerate(lessons())}
    for folder in _FOLDERS:
        files = sorted((order.get(file.stem, len(order)), file.stem, file) for file in folder.glob("*.toml"))
        if files:
            return {name: file for _, name, file in files}
    return {}


def architectures() -> dict[str, Path]:
    """Files of the published networks that `neurosim info` can show, by name; none of them can be trained as it is."""
    return {file.stem: file for folder in _FOLDERS for file in sorted((folder / _ARCHITECTURES).glob("*.toml"))}


def by_name() -> dict[str, Path]:
    """Files of all scenarios that have a name of their own: those of the course, then the architectures."""
    return {**shipped(), **architectures()}
