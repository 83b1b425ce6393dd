"""Each harness here runs twice: briefly with the other tests, and in full with ``-m slow``."""

import pytest


def sizes(*, short, full):
    """Parametrize a test with `count`: a few cases by default, with ``-m slow`` the figure of docs/reliability.md."""
    return pytest.mark.parametrize(
        "count", [pytest.param(short, id="short"), pytest.param(full, id="full", marks=pytest.mark.slow)]
    )
