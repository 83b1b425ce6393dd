"""Each harness here runs twice: briefly with ``-m ci``, and in full with ``-m slow``."""

import pytest


def sizes(*, short, full, ci=False):
    """Parametrize a test with `count`: a few cases, and with ``-m slow`` the figure of docs/reliability.md.

    Where even a few take long (`ci`), they need ``-m ci`` also if the file is asked for by its name.
    """
    few = pytest.param(short, id="short", marks=pytest.mark.ci if ci else ())
    return pytest.mark.parametrize("count", [few, pytest.param(full, id="full", marks=pytest.mark.slow)])
