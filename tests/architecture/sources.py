"""The modules of neurosim as syntax trees, each read once; importable as ``sources``."""

import ast
import functools
from pathlib import Path

import neurosim

PACKAGE = Path(neurosim.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def place(path: Path) -> str:
    """Where a module is, from the package: ``cli/run.py``."""
    return path.relative_to(PACKAGE).as_posix()
