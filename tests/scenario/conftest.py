import pytest
from scenario_text import GOOD

from neurosim.errors import ScenarioError
from neurosim.plugin.host import Plugin, build_registry
from neurosim.scenario import load_scenario


@pytest.fixture
def registry():
    made = build_registry(entry_points=False)
    made.plugins[:] = [
        Plugin("neurosim-swish", version="1.2"),
        Plugin("local"),
        Plugin("neurosim-broken", version="1.0", error="ImportError: no module named spam"),
    ]
    return made


@pytest.fixture
def load(tmp_path, registry):
    """Load a scenario from text or bytes, kept in a file s.toml."""

    def load(content=GOOD, **arguments):
        path = tmp_path / "s.toml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_scenario(path, registry=registry, **arguments)

    return load


@pytest.fixture
def faults(load, tmp_path):
    """The fault lines of a scenario, without the folder."""

    def faults(content=GOOD, **arguments):
        with pytest.raises(ScenarioError) as caught:
            load(content, **arguments)
        assert caught.value.exit_code == 2
        lines = caught.value.message.replace(f"{tmp_path}/", "").split("\n")
        assert len(lines) <= 21
        assert all(len(line) < 600 for line in lines)
        return lines

    return faults
