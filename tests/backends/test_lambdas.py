"""Lambdas are formulas like any other, found among all that stand in their line."""

import math

import numpy as np
import pytest
import support

from neurosim.backends.uncompiled import uncompiled
from neurosim.errors import PluginError
from neurosim.formulas.derivatives import derive_slope, source_of
from neurosim.formulas.float32 import Translator
from neurosim.plugin import Activation

TEXT = """\
import math

double = lambda x: 2.0 * x
swish = lambda z, beta: z / (1.0 + math.exp(-beta * z))
pair = (lambda z: z * z, lambda z: double(z) + 1.0)
long = lambda z: (
    z
    * math.tanh(z)
)
slopes = [(lambda k: lambda z: k * z)(k) for k in (2.0, 3.0)]
within = lambda z: total if (total := 0.0) else z
default = lambda z, k=2.0: k * z
"""


@pytest.mark.parametrize(
    ("choose", "arguments", "value", "slope"),
    [
        (lambda module: module.double, (3.0,), 6.0, 2.0),
        (lambda module: module.swish, (0.0, 2.0), 0.0, 0.5),
        (lambda module: module.pair[0], (3.0,), 9.0, 6.0),
        (lambda module: module.pair[1], (3.0,), 7.0, 2.0),
        (lambda module: module.long, (0.5,), 0.5 * math.tanh(0.5), math.tanh(0.5) + 0.5 / math.cosh(0.5) ** 2),
        (lambda module: module.slopes[0], (5.0,), 10.0, 2.0),
        (lambda module: module.slopes[1], (5.0,), 15.0, 3.0),
    ],
)
def test_a_lambda_is_read_and_derived(write, choose, arguments, value, slope):
    function = choose(write(TEXT))
    numbers = [np.float64(number) for number in arguments]
    assert uncompiled(function)(*numbers) == value
    derived = derive_slope(function)
    assert derived(numbers[0], None, *numbers[1:]) == pytest.approx(slope, rel=1e-12)
    assert source_of(derived).startswith("def formula_")


def test_lambdas_train_on_every_backend(write):
    module = write(TEXT)
    results = []
    for entry in support.BACKENDS:
        net = support.network(2, [support.Dense(3, Activation("swish", module.swish, params={"beta": 1.5}))])
        bench = entry.make(net, support.training())
        for _ in range(3):
            bench.train_step(support.rows(4, 2, 3))
        results.append(np.array(bench.parameters, np.float64))
    assert all(np.abs(other - results[0]).max() < 1e-5 for other in results[1:])


@pytest.mark.parametrize(
    ("name", "line", "what"), [("within", 11, "on a line of its own"), ("default", 12, "the default of k")]
)
def test_what_a_lambda_cannot_do_is_refused_with_its_line(write, name, line, what):
    module = write(TEXT)
    with pytest.raises(PluginError) as caught:
        Translator().add(getattr(module, name))
    assert caught.value.message.startswith(f"{module.__file__}:{line}: in the lambda: ")
    assert what in str(caught.value)


def test_a_lambda_without_a_file_is_refused():
    made = eval("lambda z: z")
    with pytest.raises(PluginError, match="the source of a lambda cannot be read"):
        Translator().add(made)
