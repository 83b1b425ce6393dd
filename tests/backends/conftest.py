"""What the tests of backends and translated functions share."""

import importlib.util

import pytest
import support


@pytest.fixture(
    params=[pytest.param(backend, id=backend.name, marks=backend.long_marks) for backend in support.COMPILED]
)
def compiled(request):
    """Each backend that is held to the reference."""
    return request.param


@pytest.fixture
def write(tmp_path):
    """A module from source text, as a plugin file would be."""
    count = 0

    def make(text, name="plugin"):
        nonlocal count
        count += 1
        path = tmp_path / f"{name}_{count}.py"
        path.write_text(text)
        spec = importlib.util.spec_from_file_location(f"{name}_{count}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return make
