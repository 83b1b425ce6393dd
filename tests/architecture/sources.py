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


@functools.cache
def imported(path: Path) -> frozenset[str]:
    """Full names of everything that a module imports, in functions and for type checkers too."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def place(path: Path) -> str:
    """Where a module is, from the package: ``cli/run.py``."""
    return path.relative_to(PACKAGE).as_posix()
