"""The files of a new plugin: templates with the names filled in."""

from __future__ import annotations

import datetime as dt
import importlib.resources
import json
from collections.abc import Mapping
from pathlib import Path
from string import Template

from neurosim.cli.scaffold.author import Author
from neurosim.cli.scaffold.kinds import Kind
from neurosim.cli.scaffold.names import Names
from neurosim.errors import DataError
from neurosim.files.atomic import make_folder, write_atomically
from neurosim.version import __version__


def package_files(names: Names, kind: Kind, by: Author, url: str = "") -> dict[str, str]:
    """The files of an installable package, by their path in its folder; its source is at `url`, if that is known."""
    values = _values(names, kind)
    values |= {"author": by.toml, "holder": by.name, "year": str(dt.date.today().year), "urls": _urls(names, url)}
    values["use"] = _filled(f"{kind.name}/use.md", values)
    return {
        "pyproject.toml": _filled("package/pyproject.toml", values),
        f"{names.module}.py": _filled(f"{kind.name}/module.py", values),
        f"tests/test_{names.record}.py": _filled(f"{kind.name}/tests.py", values),
        "README.md": _filled("package/README.md", values),
        "LICENSE": _filled("package/LICENSE", values),
        ".github/workflows/tests.yml": _filled("package/tests.yml", values),
        ".gitignore": _filled("package/gitignore", values),
    }


def single_file(names: Names, kind: Kind) -> dict[str, str]:
    """The single file of a plugin for ``--plugin``, by its name."""
    return {f"{names.record}.py": _filled(f"{kind.name}/module.py", _values(names, kind))}


def write_files(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """Write the files into the folder, creating it if needed; returns their paths.

    Raises
    ------
    DataError
        If one of them exists, in which case nothing is written, or cannot be written.
    """
    paths = [folder / name for name in files]
    for path in paths:
        if path.exists() or path.is_symlink():
            raise DataError(f"{path} already exists", "Nothing was written. Choose another name, or another --out.")
    for path, text in zip(paths, files.values(), strict=True):
        make_folder(path.parent)
        write_atomically(path, text)
    return paths


def _urls(names: Names, url: str) -> str:
    """The table of addresses; without one, how it is written."""
    mark, address = ("", url) if url else ("# ", f"https://HOST/OWNER/{names.distribution}")
    return f"{mark}[project.urls]\n{mark}Source = {json.dumps(address, ensure_ascii=False)}"


def _values(names: Names, kind: Kind) -> dict[str, str]:
    return {
        "name": names.record,
        "module": names.module,
        "distribution": names.distribution,
        "kind": kind.label,
        "run": kind.run_command(names.record),
        "neurosim_version": __version__,
    }


def _filled(template: str, values: Mapping[str, str]) -> str:
    path = importlib.resources.files("neurosim.cli.scaffold") / "templates" / f"{template}.txt"
    return Template(path.read_text(encoding="utf-8")).substitute(values)
