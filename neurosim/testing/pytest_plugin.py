"""The pytest plugin that is active wherever neurosim is installed: the fixture ``empty_registry``.

pytest imports this module in every run, so nothing else is imported before a test asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from neurosim.plugin.host import Registry


@pytest.fixture
def empty_registry() -> Registry:
    """A registry with nothing in it, not even the built-ins: ``empty_registry.register(my_module)``."""
    from neurosim.plugin.host import Registry

    return Registry()
