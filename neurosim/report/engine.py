"""The script that trains a network in a browser: the modules in ``assets/play`` around the formulas of a registry."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from neurosim.formulas.javascript import Script

# In the order of their dependencies.
MODULES = (
    "random", "initial", "layers/layer", "layers/activation", "layers/dense", "layers/combination", "layers/dropout",
    "layers/normalization", "layers/branches", "layers/kinds", "machine/bytes", "machine/lanes", "machine/formulas",
    "machine/kernels", "machine/vectors", "machine/drawing", "machine/tiles", "machine/machine", "network", "updating",
    "trainer", "offered", "datasets", "history",
)  # fmt: skip


def engine(script: Script) -> str:
    """The function ``engine`` as JavaScript, which returns what others use of it.

    It is one function, so that a page can have it and give its text to a worker.
    """
    parts = [asset("lacking.js"), asset("making.js"), script.source, *(asset(f"play/{name}.js") for name in MODULES)]
    return (
        "function engine() {\n"
        + "\n".join(parts)
        + "\nreturn { Rows, Trainer, Network, History, makeTable, splitsOf, madeInputs, offeredInputs, "
        + "choice, doubles, readCsv, writeCsv, FORMULAS };\n}\n"
    )


@cache
def asset(name: str) -> str:
    """The text of a file in ``assets``."""
    return files("neurosim.report").joinpath("assets", *name.split("/")).read_text(encoding="utf-8")
