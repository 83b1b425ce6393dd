"""The kit as a package: what it costs to import, its public names, and what tests get from it."""

import math
import subprocess
import sys

import pytest
import support

from neurosim import hookimpl, testing
from neurosim.errors import PluginError, UsageError
from neurosim.plugin import Activation
from neurosim.plugin.host import HOOKS
from neurosim.testing import Verdict, assert_passes, check


def tanh(z):
    return math.tanh(z)


def wrong(z, a):
    return 1.0 - a


class Plugin:
    """A plugin with one activation."""

    @hookimpl
    def neurosim_activations(self):
        return [Activation("mine", tanh)]


def test_every_public_name_is_there():
    assert all(getattr(testing, name) for name in testing.__all__)
    assert set(testing.__all__) <= set(dir(testing))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        testing.nothing  # noqa: B018


@pytest.mark.parametrize(
    ("module", "not_loaded"),
    [
        ("neurosim.testing", {"numpy", "numba", "matplotlib", "pytest", "pluggy"}),
        ("neurosim.testing.checks", {"numba", "matplotlib", "pytest"}),
        # In every run of pytest, of any project.
        ("neurosim.testing.pytest_plugin", {"numpy", "numba", "matplotlib"}),
    ],
)
def test_importing_is_light(module, not_loaded):
    script = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not not_loaded & {name.split(".")[0] for name in done.stdout.split()}


def test_pytest_finds_a_registry_with_nothing_in_it(empty_registry):
    assert all(not getattr(empty_registry, kind).names() for kind in HOOKS)
    empty_registry.register(Plugin())
    assert empty_registry.activations.names() == ["mine"]


def test_each_test_has_a_registry_of_its_own(empty_registry):
    assert empty_registry.activations.names() == []


def test_assert_passes_says_what_failed():
    with pytest.raises(AssertionError, match="activation mine fails 1 of 7 checks") as caught:
        assert_passes(Activation("mine", tanh, wrong), backends=["reference"])
    assert "\n  derivative: df as given: wrong at" in str(caught.value)


def test_assert_passes_gives_the_verdicts():
    found = assert_passes(support.BUILTINS.schedules.get("cosine"))
    assert [verdict.item for verdict in found] == ["factors", "course"]
    assert all(isinstance(verdict, Verdict) for verdict in found)


def test_backends_that_are_not_asked_for_are_skipped():
    found = {verdict.item: verdict for verdict in check(Activation("mine", tanh), backends=["reference"])}
    assert found["derivative"].outcome == "passed"
    for item in ("float32", "reference = cpu", "speed"):
        assert found[item].detail == "the backend cpu was not requested"
    assert found["cuda"].detail == "the backend cuda was not requested"


def test_what_cannot_be_checked_is_refused():
    with pytest.raises(UsageError, match="is not a record of a plugin"):
        check(tanh)
    with pytest.raises(UsageError, match='unknown backend "cdua"') as caught:
        check(Activation("mine", tanh), backends=["cdua"])
    assert 'did you mean "cuda"?' in caught.value.hint


def test_a_registry_refuses_a_broken_plugin(empty_registry):
    with pytest.raises(PluginError, match="provides nothing"):
        empty_registry.register(object())
