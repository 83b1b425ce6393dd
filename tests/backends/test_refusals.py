"""What cannot be compiled is refused: with the file, the line, and what to write instead."""

import math

import pytest
import support
from support import translate

from neurosim.backends.invariants import split_update
from neurosim.errors import PluginError
from neurosim.plugin import Activation, Optimizer, RowActivation

REFUSED = {
    "numpy": ("return np.exp(z)  # here", "math.exp"),
    "numpy constant": ("return z * np.pi  # here", "math.pi"),
    "unknown math": ("return math.gamma(z)  # here", "these functions of math"),
    "a lambda": ("f = lambda x: x  # here\n    return f(z)", "in the module"),
    "a comprehension": ("return [z for k in range(3)]  # here", "a name of its own"),
    "a list": ("return [z][0]  # here", "a tuple of numbers in the module"),
    "a string": ('return z if z > 0 else "no"  # here', "numbers only"),
    "an f-string": ('return f"{z}"  # here', "no text"),
    "None": ("return z if z is None else 0.0  # here", "numbers only"),
    "printing": ("print(z)  # here\n    return z", "leave it out"),
    "global": ("global COUNT  # here\n    return z", "settings are params"),
    "nested def": (
        "def g(x):  # here\n        return x\n    return g(z)",
        "use assignments, if, for, while and return",
    ),
    "try": ("try:  # here\n        return z\n    except ValueError:\n        return 0.0", "use assignments"),
    "with": ("with STATE:  # here\n        return z", "use assignments"),
    "assert": ("assert z > 0  # here\n    return z", "use assignments"),
    "raise": ("raise ValueError  # here", "use assignments"),
    "import": ("import os  # here\n    return z", "use assignments"),
    "keyword arguments": ("return helper(x=z)  # here", "helper(z)"),
    "star arguments": ("return helper(*STATE)  # here", "by position"),
    "global state": ("return z * STATE[0]  # here", "a tuple of numbers"),
    "a list as number": ("return z * STATE  # here", "pass settings as params"),
    "unknown name": ("return z * missing  # here", "pass settings as params"),
    "unknown function": ("return missing(z)  # here", "math functions or your own"),
    "a class": ("return Thing(z)  # here", "math functions or your own"),
    "a method": ("return z.real()  # here", "functions of math"),
    "an attribute": ("return z.real  # here", "math module"),
    "a loop over a list": ("for k in (1, 2):  # here\n        z += k\n    return z", "VALUES = (1, 2)"),
    "for-else": (
        "for k in range(3):\n        z += 1\n    else:\n        z = 0  # here\n    return z",
        "after the loop",
    ),
    "bits": ("return z & 1  # here", "+ - * /"),
    "matrices": ("return z @ z  # here", "z * z"),
    "walrus": ("return (y := z) * y  # here", "on a line of its own"),
    "a bare literal": ("z + 1\n    3  # here\n    return z", "leave it out"),
    "yield": ("yield z  # here", ""),
    "complex": ("return z * 1j  # here", "numbers only"),
    "round": ("return round(z)  # here", "math.floor(z + 0.5)"),
    "a fraction as index": (
        "total = 0.0\n    for k in range(HALF):  # here\n        total += z\n    return z",
        "integers",
    ),
}
PRELUDE = """\
import math
import numpy as np

STATE = [1.0]
COUNT = 0
HALF = 0.5

class Thing:
    pass

def helper(x):
    return x

"""


@pytest.mark.parametrize(("body", "instead"), REFUSED.values(), ids=REFUSED.keys())
def test_refusals_name_the_line_and_the_way_out(write, body, instead):
    text = f"{PRELUDE}def f(z):\n    {body}\n"
    module = write(text)
    line = next(number for number, part in enumerate(text.splitlines(), 1) if "# here" in part)
    with pytest.raises(PluginError) as caught:
        translate(module.f)
    assert caught.value.message.startswith(f"{module.__file__}:{line}: in f: ")
    assert caught.value.hint.startswith("Instead: ")
    assert instead in caught.value.hint


SIGNATURES = {
    "defaults": "def f(z, beta=1.0):  # here\n    return z",
    "star": "def f(*z):  # here\n    return 1.0",
    "keywords only": "def f(z, *, beta):  # here\n    return z",
    "double star": "def f(z, **beta):  # here\n    return z",
    "decorator": "@decorate\ndef f(z):  # here\n    return z",
}


@pytest.mark.parametrize("text", SIGNATURES.values(), ids=SIGNATURES.keys())
def test_refused_signatures_name_the_line(write, text):
    module = write(f"def decorate(function):\n    return function\n\n{text}\n")
    source = (f"def decorate(function):\n    return function\n\n{text}\n").splitlines()
    line = next(number for number, part in enumerate(source, 1) if "# here" in part)
    with pytest.raises(PluginError, match=r"Instead: (leave|def f)") as caught:
        translate(module.f)
    assert caught.value.message.startswith(f"{module.__file__}:{line}: in f: ")


def test_a_refusal_in_a_helper_names_the_helper(write):
    module = write("import numpy as np\n\ndef g(x):\n    return np.exp(x)\n\ndef f(z):\n    return g(z)\n")
    with pytest.raises(PluginError, match=r":4: in g: np.exp cannot be compiled"):
        translate(module.f)


def test_functions_without_source_are_refused(write):
    namespace = {}
    exec("def f(z):\n    return z\n", namespace)
    with pytest.raises(PluginError, match="the source of f cannot be read"):
        translate(namespace["f"])
    with pytest.raises(PluginError):
        translate(math.exp)


def test_what_only_numba_refuses_names_the_line_too(write):
    """Two numbers in place of one, twice: a module that failed is not taken for a compiled one."""
    module = write(
        "def g(x):\n    return x, x\n\ndef f(z):\n    a = 2 * z\n    return a + g(z)\n\ndef df(z, a):\n    return 1\n"
    )
    net = support.network(1, [support.Dense(2, Activation("crooked", module.f, module.df))])
    for _ in range(2):
        with pytest.raises(PluginError) as caught:
            support.COMPILED[0].make(net, support.training()).prepare()
    assert caught.value.message.startswith(f"{module.__file__}:6: in f: ")
    assert "typing" not in str(caught.value).lower()
    assert len(str(caught.value).splitlines()) == 2


KINDS = {
    "a row as a number": ("def f(z, a):\n    for k in range(len(z)):\n        a[k] = z  # here\n", "take one entry"),
    "a row given another value": ("def f(z, a):\n    a = z[0]  # here\n", "set its entries"),
    "a row returned": ("def f(z, a):\n    return 1.0  # here\n", "return nothing"),
}


@pytest.mark.parametrize(("text", "instead"), KINDS.values(), ids=KINDS.keys())
def test_mistaken_rows_are_refused(write, text, instead):
    module = write(text + "\ndef b(z, a, da, dz):\n    dz[0] = da[0]\n")
    refused(RowActivation("x", module.f, module.b), module, text, instead)


NUMBERS = {
    "an index into a number": ("def f(z):\n    return z[0]  # here\n", "without an index"),
    "no result": ("def f(z):\n    if z > 0:\n        return z\n    else:\n        z = 2 * z  # not here\n", "return"),
    "nothing but a description": ("def f(z):  # here\n    '''It does something.'''\n", "return"),
    "two results": ("def f(z):\n    return z, z  # here\n", "return one number"),
    "nothing returned": ("def f(z):\n    return  # here\n", "return one number"),
    "too many arguments": ("def g(x):\n    return x\n\ndef f(z):\n    return g(z, z)  # here\n", "give it 1"),
    "too few arguments": ("import math\n\ndef f(z):\n    return math.pow(z)  # here\n", "give it 2"),
    "a base of the logarithm": ("import math\n\ndef f(z):\n    return math.log(z, 2)  # here\n", "math.log(base)"),
    "max of one number": ("def f(z):\n    return max(z)  # here\n", "max(z, 0.0)"),
    "a name before its value": ("def f(z):\n    y = x * z  # here\n    x = y\n    return x\n", "assign to it first"),
    "functions that call each other": (
        "def g(x):\n    return f(x) if x > 1 else x\n\ndef f(z):  # here\n    return g(z - 1)\n",
        "use a loop",
    ),
    "a function that calls itself": ("def f(z):\n    return f(z - 1) if z > 1 else z  # here\n", "use a loop"),
}


@pytest.mark.parametrize(("text", "instead"), NUMBERS.values(), ids=NUMBERS.keys())
def test_mistaken_numbers_are_refused(write, text, instead):
    module = write(text + "\ndef df(z, a):\n    return 1.0\n")
    refused(Activation("x", module.f, module.df), module, text, instead)


def refused(record, module, text, instead):
    """On every backend, in the same words."""
    line = next((number for number, part in enumerate(text.splitlines(), 1) if "# here" in part), None)
    messages = set()
    for backend in support.BACKENDS:
        net = support.network(1, [support.Dense(2, record)])
        with pytest.raises(PluginError) as caught:
            backend.make(net, support.training()).prepare()
        messages.add(str(caught.value))
    (message,) = messages
    assert message.startswith(f"{module.__file__}:{line or ''}")
    assert instead in message


def test_updates_return_what_they_should(write):
    module = write("def f(w, g, v, t, lr):\n    return w - lr * g  # here\n")
    with pytest.raises(PluginError, match=":2: in f: 1 value returned, 2 expected"):
        split_update(Optimizer("x", module.f, slots=("v",), params={"lr": 0.1}))


def test_changing_a_setting_in_an_update_is_refused(write):
    module = write("def f(w, g, t, lr):\n    lr = lr / t  # here\n    return w - lr * g\n")
    with pytest.raises(PluginError, match="lr is assigned to") as caught:
        split_update(Optimizer("x", module.f, params={"lr": 0.1}))
    assert "a name of its own" in caught.value.hint
