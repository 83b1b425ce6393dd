"""Activations of rows put together at random, in the shapes that are taken apart when they are derived, like PyTorch's.

Numbers that do not matter, values that follow from the outputs, sums that are divided by, and loops that work out the
same twice are each recognized in some of them, and must not be recognized in the others.
"""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import support
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from neurosim.backends.uncompiled import uncompiled
from neurosim.formulas.derivatives import derive_backward
from neurosim.formulas.source import LOADED_SOURCE

SUBTRACTED = ("0.0", "max(z)", "min(z)", "z[0]", "sum(z) / len(z)", "0.5 * max(z)", "max(z) * max(z)", "o[len(z) // 2]")
ARGUMENTS = ("(v - m)", "(v - m) / power", "power * (v - m)", "v / power - m / power", "-(v - m)", "v + m")
VALUES = (
    "math.exp({u})",
    "{u} * {u} + 0.1",
    "math.log1p(math.exp({u}))",
    "abs({u}) + 0.1",
    "1.0 / (1.0 + math.exp(-({u})))",
    "math.exp({u}) + 0.2 * {u}",
    "math.exp({u} - math.exp(m))",
    "{u} if v > 0.1 else 0.5 * {u} * {u} + 1.0",
)
ADDED = ("t", "t + 0.3", "math.sqrt(t * t + 0.2)", "power * t", "t * t", "2.0")
RESULTS = (
    "e / s",
    "{u} - math.log(s * s + 0.1)",
    "{u} - math.log(s)",
    "math.exp({u} - math.log(s))",
    "e / math.sqrt(s * s + 0.1)",
    "e * s",
    "(v - m) / s + e",
    "e / s - 1.0 / s",
    "e / s * (1.0 - e / s)",
    "math.log(abs(e) + s * s)",
    "e / s + o[k] * o[0]",
)
AGAIN = ("", "a[k] = a[k] ** 2", "a[k] = a[k] / (1.0 + q)", "a[k] = math.exp(a[k] - q)", "a[k] = a[k] - q / len(z)")


def written(subtracted, argument, value, added, result, again, stored, early):
    """The text of an activation."""
    e = value.format(u=argument)
    kept = "a[k]" if stored else e
    lines = ["def f(z, a, power):", f"    m = {subtracted}", "    t = 0.0"]
    lines += ["    for k, v in enumerate(z):", *([f"        a[k] = {e}"] if stored else []), f"        t += {kept}"]
    lines += [f"    s = {added}"]
    lines += ["    for k, v in enumerate(z):", f"        e = {kept}", f"        a[k] = {result.format(u=argument)}"]
    if again:
        lines += ["    q = 0.0", "    for k in range(len(z)):", "        q += 0.1 * a[k] * a[k]"]
        lines += ["    for k in range(len(z)):", f"        {again}"]
    if "o[" in subtracted + result:
        lines.insert(1, "    o = sorted(z)")
    if early:
        lines.insert(1, "    early = math.tanh(sum(z))")
        lines += ["    for k in range(len(z)):", "        a[k] = a[k] + early * z[k]"]
    return "\n".join(lines) + "\n"


def made(text, math_of=math):
    names = {"math": math_of, LOADED_SOURCE: text, "__name__": __name__}
    exec(compile(text, "<written>", "exec"), names)
    return names["f"]


formulas = st.builds(
    written,
    *(st.sampled_from(choices) for choices in (SUBTRACTED, ARGUMENTS, VALUES, ADDED, RESULTS, AGAIN)),
    st.booleans(),
    st.booleans(),
)


def compare(text, z, da):
    torch = pytest.importorskip("torch")
    f = made(text)
    backward = derive_backward(f)
    a, dz = np.full(z.size, np.nan), np.full(z.size, np.nan)
    with np.errstate(all="ignore"):
        uncompiled(f)(z, a, 1.3)
        uncompiled(backward)(z, a, da, dz, 1.3)

    def called(name):
        return lambda *values: getattr(torch, name)(*(torch.as_tensor(x, dtype=torch.float64) for x in values))

    peer = made(text, SimpleNamespace(**{name: called(name) for name in vars(math) if hasattr(torch, name)}))
    leaf = torch.tensor(z, requires_grad=True)
    outputs = [None] * z.size
    peer(list(leaf), outputs, 1.3)
    total = sum(weight * output for weight, output in zip(torch.tensor(da), outputs, strict=True))
    total.backward()
    expected = leaf.grad.numpy()
    if np.isfinite(a).all() and np.isfinite(expected).all():
        size = 1.0 + np.max(np.abs(expected)) + np.max(np.abs(a * da))
        np.testing.assert_allclose(dz / size, expected / size, rtol=1e-12, atol=1e-12, err_msg=text)


@given(formulas, st.integers(0, 2**32 - 1), st.integers(1, 5))
@settings(max_examples=60, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
def test_they_are_those_of_pytorch(text, seed, units):
    z, da = np.random.default_rng(seed).normal(size=(2, units))
    compare(text, z, da)


@given(formulas)
@settings(max_examples=20, deadline=None)
def test_what_is_derived_is_written_plainly(text):
    assert support.translate(derive_backward(made(text)), ["row"] * 4).source
