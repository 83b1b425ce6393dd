"""No module imports itself by way of others.

Every import counts: those for type checkers, and those inside functions, which hide a circle and do not undo it.
"""

import ast

from scipy.sparse import lil_array
from scipy.sparse.csgraph import connected_components
from sources import PACKAGE, SOURCES, tree


def modules():
    """Module name -> file, for all of neurosim; templates of new plugins are texts."""
    for path in SOURCES:
        words = path.relative_to(PACKAGE.parent).with_suffix("").parts
        yield ".".join(words[:-1] if words[-1] == "__init__" else words), path


MODULES = dict(modules())


def imports(module):
    """The modules of neurosim that one imports, each by its longest name."""
    for node in ast.walk(tree(MODULES[module])):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            while name and name not in MODULES:
                name = name.rpartition(".")[0]
            if name and name != module:
                yield name


def test_no_modules_import_each_other_in_a_circle():
    number = {module: index for index, module in enumerate(MODULES)}
    graph = lil_array((len(number), len(number)), dtype=bool)
    for module in MODULES:
        for other in imports(module):
            graph[number[module], number[other]] = True
    _, circle_of = connected_components(graph, connection="strong")
    circles = {}
    for module, circle in zip(MODULES, circle_of, strict=True):
        circles.setdefault(circle, set()).add(module)
    assert [circle for circle in circles.values() if len(circle) > 1] == []
