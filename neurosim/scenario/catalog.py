"""The scenarios that come with neurosim."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
# Inside the package when installed, beside it in a checkout.
_FOLDERS = (_PACKAGE / "scenarios", _PACKAGE.parent / "scenarios")


def shipped() -> dict[str, Path]:
    """Files of the shipped scenarios by name, in alphabetical order."""
    for folder in _FOLDERS:
        files = sorted((file.stem, file) for file in folder.glob("*.toml"))
        if files:
            return dict(files)
    return {}
