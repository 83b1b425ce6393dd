"""Installed plugins that take long to import: what they give is remembered, and they are loaded when it is used."""

import json
import sys

import pytest

from neurosim import build_registry
from neurosim.cli.application import execute
from neurosim.errors import PluginError

PLUGIN = """\
import pathlib
from nsim_beside import NAME
from neurosim import Activation, Dataset, hookimpl

with (pathlib.Path(__file__).parent / "imports.txt").open("a") as log:
    log.write("x")

def f(z):
    return 2.0 * z

@hookimpl
def neurosim_activations():
    return [Activation(NAME, f, source="a slow paper"), Activation("slow_too", f)]

@hookimpl
def neurosim_datasets():
    options = {"file": None, "count": 3}
    return [Dataset("slow_rows", lambda request, file, count: None, options=options, description="rows")]
"""
BESIDE = 'NAME = "slow"\n'


class Slow:
    """An installed plugin that counts how often it is imported."""

    def __init__(self, site):
        self.site = site

    @property
    def imports(self):
        log = self.site / "imports.txt"
        return len(log.read_text()) if log.exists() else 0

    def next_process(self):
        """As in a process that has not imported it."""
        for name in [name for name in sys.modules if name.startswith("nsim_")]:
            del sys.modules[name]
        return build_registry()

    def edit(self, name, *change):
        path = self.site / name
        path.write_text(path.read_text().replace(*change))
        # Compiled files are told apart by the second and the size.
        for cached in self.site.rglob("*.pyc"):
            cached.unlink()


@pytest.fixture
def slow(install, tmp_path, monkeypatch):
    """The plugin, once it has been imported."""
    monkeypatch.setenv("NEUROSIM_CACHE", str(tmp_path / "cache"))
    plugin = Slow(install("nsim-slow", {"nsim_slow.py": PLUGIN, "nsim_beside.py": BESIDE}, ["slow = nsim_slow"]))
    plugin.next_process()
    assert plugin.imports == 1
    return plugin


def listed(capsys, *words):
    assert execute(["list", *words, "--json"]) == 0
    return {row["name"]: row for row in json.loads(capsys.readouterr().out)[words[0]]}


def test_a_list_does_not_import_it(slow, capsys):
    first = listed(capsys, "activations"), listed(capsys, "datasets")
    slow.next_process()
    again = listed(capsys, "activations"), listed(capsys, "datasets")
    assert slow.imports == 1
    assert again == first
    assert again[0]["slow"] == {"name": "slow", "params": "", "about": "a slow paper", "plugin": "nsim-slow"}
    assert again[1]["slow_rows"]["about"] == "rows"
    assert "count = 3" in again[1]["slow_rows"]["params"]


def test_a_run_of_something_else_does_not_import_it(slow, tmp_path):
    registry = slow.next_process()
    assert execute(["run", "and", "--quiet", "--no-report", "--out", str(tmp_path / "run")]) == 0
    assert registry.activations.get("tanh")
    assert "slow" in registry.activations.names()
    assert slow.imports == 1


def test_it_is_imported_when_it_is_used(slow):
    registry = slow.next_process()
    (promised,) = [plugin for plugin in registry.plugins if plugin.name == "nsim-slow"]
    entry = registry.activations.entry("slow")
    assert entry.record.f(1.5) == 3.0
    assert entry.plugin == promised
    assert slow.imports == 2
    # All of it is there now.
    assert registry.activations.get("slow_too")
    assert registry.datasets.get("slow_rows")
    assert slow.imports == 2
    assert registry.plugins.count(promised) == 1


def test_it_keeps_its_place_among_the_plugins(slow, install):
    install(
        "nsim-zero",
        {"nsim_zero.py": PLUGIN.replace("from nsim_beside import NAME", 'NAME = "zero"')},
        ["z = nsim_zero"],
    )
    registry = slow.next_process()
    before = [plugin.name for plugin in registry.plugins]
    assert before.index("nsim-slow") < before.index("nsim-zero")
    assert registry.activations.get("slow")
    assert [plugin.name for plugin in registry.plugins] == before


def test_what_catalogs_say_does_not_depend_on_it(slow):
    known, loaded = slow.next_process(), build_registry(lazy=False)
    assert known.activations.names() == loaded.activations.names()
    for name in ("slow_", "nsim-slow:slw"):
        said = []
        for registry in (known, loaded):
            with pytest.raises(PluginError) as caught:
                registry.activations.get(name)
            said.append((caught.value.message, caught.value.hint))
        assert said[0] == said[1]
    entries = [(entry.name, entry.plugin.name) for entry in known.activations]
    assert entries == [(entry.name, entry.plugin.name) for entry in loaded.activations]


def test_clashes_are_told_without_importing_it(slow, tmp_path):
    text = PLUGIN.replace("from nsim_beside import NAME", 'NAME = "slow"')
    (tmp_path / "other.py").write_text(text)
    slow.next_process()
    registry = build_registry([tmp_path / "other.py"])
    with pytest.raises(PluginError, match='"slow" is given by 2 plugins: nsim-slow') as caught:
        registry.activations.get("slow")
    assert caught.value.hint == 'write "nsim-slow:slow" or "other:slow"'
    assert slow.imports == 1
    assert registry.activations.get("nsim-slow:slow")
    assert slow.imports == 2


@pytest.mark.parametrize("file", ["nsim_slow.py", "nsim_beside.py"])
def test_an_edited_plugin_is_imported_again(slow, file):
    change = ('"slow_too"', '"slow_as_well"') if file == "nsim_slow.py" else ('"slow"', '"sluggish"')
    slow.edit(file, *change)
    registry = slow.next_process()
    assert slow.imports == 2
    assert change[1].strip('"') in registry.activations.names()
    assert change[0].strip('"') not in registry.activations.names()
    slow.next_process()
    assert slow.imports == 2


def test_a_new_version_is_imported_again(slow, install):
    meta = slow.site / "nsim_slow-1.0.dist-info"
    (meta / "METADATA").write_text("Metadata-Version: 2.1\nName: nsim-slow\nVersion: 1.1\n")
    slow.next_process()
    assert slow.imports == 2


def test_what_it_requires_is_looked_at(slow, install):
    (slow.site / "nsim_slow-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: nsim-slow\nVersion: 1.0\nRequires-Dist: nsim-base>=1\n"
    )
    slow.next_process()
    slow.next_process()
    assert slow.imports == 2
    install("nsim-base", {}, [])
    slow.next_process()
    assert slow.imports == 3


def test_a_plugin_that_no_longer_works_is_told_when_it_is_used(slow):
    registry = slow.next_process()
    slow.edit("nsim_beside.py", 'NAME = "slow"', "raise RuntimeError('gone')")
    assert "slow" in registry.activations.names()
    with pytest.raises(PluginError, match="slow") as caught:
        registry.activations.get("slow")
    assert "nsim-slow (nsim_slow), which is broken: RuntimeError: gone" in caught.value.hint
    assert [plugin.name for plugin in registry.broken()] == ["nsim-slow"]
    assert "slow" not in registry.activations.names()


def test_a_broken_plugin_is_broken_every_time(slow, capsys):
    slow.edit("nsim_slow.py", "def neurosim_activations", "def neurosim_activation")
    for _ in range(2):
        registry = slow.next_process()
        assert [plugin.name for plugin in registry.broken()] == ["nsim-slow"]
    assert execute(["list", "activations"]) == 0
    assert "broken plugin nsim-slow" in capsys.readouterr().err


def test_the_list_of_plugins_says_whether_they_work(slow, capsys):
    slow.next_process()
    assert execute(["plugins", "--json"]) == 0
    plugins = {plugin["name"]: plugin for plugin in json.loads(capsys.readouterr().out)["plugins"]}
    assert plugins["nsim-slow"]["health"] == "ok"
    assert [record["name"] for record in plugins["nsim-slow"]["records"]] == ["slow", "slow_too", "slow_rows"]
    assert slow.imports == 2


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"[]", b'{"key": 1}', b"\xff\xfe", b"[" * 100_000])
def test_what_is_damaged_is_not_believed(slow, tmp_path, content):
    (file,) = (tmp_path / "cache" / "plugins").iterdir()
    file.write_bytes(content)
    assert "slow" in slow.next_process().activations.names()
    assert slow.imports == 2


def test_a_folder_that_others_can_write_to_is_not_used(slow, tmp_path):
    (tmp_path / "cache" / "plugins").chmod(0o777)
    assert "slow" in slow.next_process().activations.names()
    assert slow.imports == 2


def test_options_that_are_no_plain_values_are_not_remembered(slow):
    slow.edit("nsim_slow.py", '"count": 3', '"count": (3, 4)')
    for times in (2, 3):
        registry = slow.next_process()
        assert registry.datasets.get("slow_rows").options["count"] == (3, 4)
        assert slow.imports == times
