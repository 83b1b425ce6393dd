"""All tests of the CUDA backend itself belong to those that are run on a GPU."""

from pathlib import Path

import pytest
import support


def pytest_collection_modifyitems(items):
    if support.BACKENDS[-1].needs_gpu:
        for item in items:
            if item.path.is_relative_to(Path(__file__).parent):
                item.add_marker(pytest.mark.gpu)
