"""Each harness here runs twice: briefly with the other tests, and in full with ``-m slow``."""

import pytest


def sizes(*, short, full, ci=False):
    """Parametrize a test with `count`: a few cases by default, with ``-m slow`` the figure of docs/reliability.md.

    Where even a few take long they are left to ``-m ci``.
    """
    few = pytest.param(short, id="short", marks=pytest.mark.ci if ci else ())
    return pytest.mark.parametrize("count", [few, pytest.param(full, id="full", marks=pytest.mark.slow)])
