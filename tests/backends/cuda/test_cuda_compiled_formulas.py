"""Formulas on CUDA, compiled for GPUs without one: the simulator compiles nothing."""

import math

import authors_formulas
import numba
import numpy as np
import pytest

from neurosim.backends.cuda import target
from neurosim.backends.cuda.execution import wide_instructions
from neurosim.backends.cuda.formula_runs import compile_formulas
from neurosim.errors import BackendError, PluginError
from neurosim.formulas.source import MATH_FUNCTIONS, OF_TWO
from neurosim.plugin import Activation, Optimizer


@pytest.fixture
def compiler():
    """Skips where libNVVM is missing."""
    try:
        target.check_compiler()
    except BackendError as error:
        pytest.skip(f"{error.message}; {error.hint}")


@pytest.mark.usefixtures("compiler")
def test_built_ins_have_no_float64(registry):
    for entry in [*registry.activations, *registry.losses, *registry.optimizers]:
        assert compile_formulas(entry.record, [(9, 0)]) == [], entry.record.name


@pytest.mark.usefixtures("compiler")
def test_plugins_have_no_float64_on_any_gpu(write):
    """Reducing a large argument of sin takes float64 in CUDA's own library, which is not the author's doing."""
    plugin = write(authors_formulas.WRITTEN)
    language = Activation("language", plugin.language, plugin.language_derivative, params={"beta": 0.75})
    three = Optimizer("three", plugin.three, slots=("m", "v", "s"), params={"lr": 0.1, "beta": 0.9})
    for record in (language, three):
        assert compile_formulas(record) == []


@pytest.mark.usefixtures("compiler")
def test_math_functions_have_no_float64(write):
    terms = " + ".join(
        f"(z if math.{name}(z) else a)"
        if name.startswith("is")
        else f"math.{name}(z, a)"
        if name in OF_TWO
        else f"math.{name}(z)"
        for name in sorted(MATH_FUNCTIONS)
    )
    module = write(f"import math\n\ndef f(z):\n    return z\n\ndef df(z, a):\n    return {terms} + z % 3 + z // a\n")
    assert compile_formulas(Activation("everything", module.f, module.df), [(9, 0)]) == []


@pytest.mark.usefixtures("compiler")
def test_the_check_sees_float64():
    @target.jit
    def careless(x, results):
        results[0] = 0.5 * x[0] + math.sin(x[0])

    @target.jit
    def careful(x, results):
        results[0] = x[0] + math.sin(x[0])

    array = numba.typeof(np.ones(1, np.float32))
    assert not wide_instructions(target.compile_ptx(careful, [array, array], (8, 0)))
    assert wide_instructions(target.compile_ptx(careless, [array, array], (8, 0)))


@pytest.mark.usefixtures("compiler")
def test_what_cannot_be_compiled_is_told_with_the_authors_line(write):
    module = write(authors_formulas.BROKEN)
    with pytest.raises(PluginError) as caught:
        compile_formulas(Activation("changing", module.changing, module.derivative))
    assert caught.value.message == f"{module.__file__}:10: in changing: 'return t' cannot be compiled for CUDA"
    assert caught.value.hint.startswith("Instead: ")
