"""Where plugins are found, and what a registry says of them."""

import hashlib
import os
import textwrap

import pytest

import neurosim
from neurosim import build_registry, hookimpl
from neurosim.errors import PluginError
from neurosim.plugin import Activation
from neurosim.plugin.host import HOOKS, Registry

PLUGIN = """\
from neurosim import Activation, hookimpl

def f(z):
    return z

def df(z, a):
    return 1.0

@hookimpl
def neurosim_activations():
    return [Activation("{name}", f, df)]
"""


def write(path, name=None):
    """A plugin file whose activation is called like the file."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(PLUGIN.format(name=name or path.stem))
    return path


def found(registry):
    return [plugin.name for plugin in registry.plugins]


# Files and folders ------------------------------------------------------------------------------------------


def test_a_file(tmp_path):
    path = write(tmp_path / "mine.py")
    registry = build_registry([path])
    (plugin,) = registry.plugins
    assert registry.activations.entry("mine").plugin is plugin
    assert (plugin.name, plugin.version, plugin.origin, plugin.error) == ("mine", "", str(path), "")
    assert plugin.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_folder(tmp_path):
    for name in ("second", "first", "_helper", ".hidden"):
        write(tmp_path / f"{name}.py")
    write(tmp_path / "deeper/third.py")
    (tmp_path / "README.md").write_text("raise SystemExit")
    registry = build_registry(plugin_folders=[str(tmp_path)])
    assert found(registry) == ["first", "second"]
    assert build_registry(plugin_folders=[tmp_path / "deeper"]).activations.get("third")


def test_a_file_loads_once_by_whatever_ways_it_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROSIM_DISABLE_PLUGINS", "0")
    monkeypatch.setenv("NEUROSIM_PLUGINS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "mine.py")
    path.with_name("link.py").symlink_to(path)
    registry = build_registry([path, "mine.py", path], plugin_folders=[tmp_path, "."], entry_points=False)
    assert found(registry) == ["mine"]


def test_files_of_the_same_text_are_two_plugins(tmp_path):
    write(tmp_path / "one.py", "same")
    write(tmp_path / "two.py", "same")
    registry = build_registry(plugin_folders=[tmp_path])
    assert found(registry) == ["one", "two"]
    files = [registry.activations.get(f"{name}:same").f.__code__.co_filename for name in ("one", "two")]
    assert files == [str(tmp_path / "one.py"), str(tmp_path / "two.py")]


def test_a_plugin_may_define_classes_and_look_at_its_file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from __future__ import annotations\nimport dataclasses, pathlib, sys\n"
        "@dataclasses.dataclass\nclass Point:\n    x: dataclasses.InitVar[int]\n"
        "assert pathlib.Path(__file__).name == 'mine.py'\n"
        "assert sys.modules[__name__].Point is Point\n" + PLUGIN.format(name="mine")
    )
    assert build_registry([path]).activations.get("mine")


def test_annotations_of_a_plugin_are_its_own_affair(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def g(x: 1 + 1):\n    pass\nassert g.__annotations__ == {'x': 2}\n" + PLUGIN.format(name="mine"))
    assert build_registry([path]).broken() == []


def test_every_hook_may_be_given(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "import numpy as np\n"
        "from neurosim import *\n"
        "def f(z):\n    return z\n"
        "def df(z, a):\n    return 1.0\n"
        "def value(a, y):\n    return a[0] - y[0]\n"
        "def gradient(a, y, da):\n    da[0] = 1.0\n"
        "def update(w, g, t, lr):\n    return w - lr * g\n"
        "def weight(random, shape, fan_in, fan_out):\n    return np.zeros(shape)\n"
        "def factor(step, steps):\n    return 1.0\n"
        "def load(request):\n    return Table(np.zeros((2, 1)), np.zeros((2, 1)))\n"
        "@hookimpl\ndef neurosim_activations():\n    return [Activation('mine', f, df)]\n"
        "def both(u, v):\n    return u * v\n"
        "@hookimpl\ndef neurosim_gates():\n    return [Gate('mine', both)]\n"
        "@hookimpl\ndef neurosim_losses():\n    return (Loss('mine', value, gradient),)\n"
        "@hookimpl\ndef neurosim_optimizers():\n    return [Optimizer('mine', update, params={'lr': 0.1})]\n"
        "@hookimpl\ndef neurosim_initializers():\n    return [Initializer('mine', weight)]\n"
        "@hookimpl(specname='neurosim_schedules')\ndef another_name():\n    return [Schedule('mine', factor)]\n"
        "@hookimpl\ndef neurosim_metrics():\n    return [Metric('mine', value, 'larger')]\n"
        "def hear(progress):\n    pass\n"
        "@hookimpl\ndef neurosim_observers():\n    return [RunObserver('mine', epoch=hear)]\n"
        "@hookimpl\ndef neurosim_datasets():\n    return [Dataset('mine', load)]\n"
    )
    registry = build_registry([path])
    for catalog, (_, types) in HOOKS.items():
        assert isinstance(getattr(registry, catalog).get("mine"), types)


# Environment ------------------------------------------------------------------------------------------------


def test_the_environment_names_files_and_folders(tmp_path, monkeypatch):
    write(tmp_path / "folder/one.py")
    write(tmp_path / "two.py")
    named = ["", str(tmp_path / "two.py"), str(tmp_path / "folder"), str(tmp_path / "gone.py"), ""]
    monkeypatch.setenv("NEUROSIM_PLUGINS", os.pathsep.join(named))
    monkeypatch.setenv("NEUROSIM_DISABLE_PLUGINS", "")
    registry = build_registry(entry_points=False)
    assert found(registry) == ["two", "one", "gone"]
    (gone,) = registry.broken()
    assert (gone.origin, gone.error) == (str(tmp_path / "gone.py"), "there is no such file")
    assert found(build_registry(entry_points=False, environment=False)) == []


def test_plugins_can_be_disabled(tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROSIM_PLUGINS", str(write(tmp_path / "one.py")))
    monkeypatch.setenv("NEUROSIM_DISABLE_PLUGINS", "1")
    assert found(build_registry()) == []
    # What is asked for is given.
    assert found(build_registry([write(tmp_path / "two.py")])) == ["two"]


# Installed plugins ------------------------------------------------------------------------------------------


def installed(registry, name):
    return [plugin for plugin in registry.plugins if plugin.name == name]


def test_an_installed_module(install):
    site = install("nsim-one", {"nsim_one.py": PLUGIN.format(name="one_act")}, ["any = nsim_one"], "2.5")
    registry = build_registry()
    (plugin,) = installed(registry, "nsim-one")
    assert (plugin.version, plugin.origin, plugin.error) == ("2.5", "nsim_one", "")
    assert plugin.sha256 == hashlib.sha256((site / "nsim_one.py").read_bytes()).hexdigest()
    assert registry.activations.entry("one_act").plugin is plugin
    assert "one_act" not in build_registry(entry_points=False).activations.names()


def test_the_hash_of_a_package_is_of_all_its_python_files(install):
    files = {
        "nsim_two/__init__.py": "",
        "nsim_two/hooks.py": "from nsim_two.deep.formulas import f, df\n" + PLUGIN.format(name="two_act"),
        "nsim_two/deep/formulas.py": "def f(z):\n    return z\n\ndef df(z, a):\n    return 1.0\n",
        "nsim_two/data.txt": "x",
    }
    site = install("nsim-two", files, ["two = nsim_two.hooks"])

    def sha256():
        (plugin,) = installed(build_registry(), "nsim-two")
        assert plugin.error == ""
        assert len(plugin.sha256) == 64
        return plugin.sha256

    first = sha256()
    (site / "nsim_two/data.txt").write_text("y")
    assert sha256() == first
    (site / "nsim_two/deep/formulas.py").write_text("# edited\n")
    edited = sha256()
    (site / "nsim_two/deep/formulas.py").rename(site / "nsim_two/deep/renamed.py")
    assert len({first, edited, sha256()}) == 3


def test_a_module_in_a_namespace(install):
    text = PLUGIN.format(name="three_act")
    install("nsim-three", {"nsim_space/three.py": text}, ["three = nsim_space.three"])
    registry = build_registry()
    (plugin,) = installed(registry, "nsim-three")
    assert plugin.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert registry.activations.get("three_act")


def test_an_installed_object(install):
    text = """\
        from neurosim import Activation, hookimpl
        class Mine:
            @hookimpl
            def neurosim_activations(self):
                return [Activation("four_act", lambda z: z, lambda z, a: 1.0)]
        mine = Mine()
    """
    install(
        "nsim-four",
        {"nsim_four.py": textwrap.dedent(text)},
        ["a = nsim_four:mine", "b = nsim_four:Mine", "c = nsim_four:no"],
    )
    registry = build_registry()
    plugins = {plugin.origin: plugin.error for plugin in installed(registry, "nsim-four")}
    assert plugins == {
        "nsim_four:mine": "",
        "nsim_four:Mine": "neurosim_activations takes no arguments, not (self) (line 4)",
        "nsim_four:no": "AttributeError: module 'nsim_four' has no attribute 'no'",
    }
    assert registry.activations.get("four_act")


def test_two_distributions_may_use_one_name_for_their_entry_points(install):
    install("nsim-five", {"nsim_five.py": PLUGIN.format(name="five_act")}, ["same = nsim_five"])
    install("nsim-six", {"nsim_six.py": PLUGIN.format(name="six_act")}, ["same = nsim_six"])
    registry = build_registry()
    assert {"five_act", "six_act"} <= set(registry.activations.names())


def test_broken_installed_plugins_name_file_and_line(install):
    hooks = PLUGIN.format(name="seven_act").replace("activations()", "activation()")
    files = {
        "nsim_seven/__init__.py": "",
        "nsim_seven/hooks.py": hooks,
        "nsim_seven/wrong.py": "x = (\n",
        "nsim_seven/uses.py": "from math import pi\nimport nsim_seven.wrong\n",
        "nsim_seven/raises.py": "\nimport nsim_seven.hooks\n\nraise SystemExit(1)\n",
    }
    points = [
        "a = nsim_seven.hooks",
        "b = nsim_seven.uses",
        "c = nsim_seven.raises",
        "d = nsim_seven.gone",
        "e = ??",
        "f = nsim_gone",
    ]
    install("nsim-seven", files, points)
    registry = build_registry()
    causes = {plugin.origin: plugin.error for plugin in installed(registry, "nsim-seven")}
    hint = "unknown hook 'neurosim_activation'; did you mean \"neurosim_activations\"? (nsim_seven/hooks.py, line 10)"
    assert causes.pop("??")
    assert causes == {
        "nsim_seven.hooks": hint,
        "nsim_seven.uses": "SyntaxError: '(' was never closed (nsim_seven/wrong.py, line 1)",
        "nsim_seven.raises": "SystemExit: 1; nothing in a plugin may end the program (nsim_seven/raises.py, line 4)",
        "nsim_seven.gone": "ModuleNotFoundError: No module named 'nsim_seven.gone'",
        "nsim_gone": "ModuleNotFoundError: No module named 'nsim_gone'",
    }
    assert registry.activations.get("relu")


# By hand ----------------------------------------------------------------------------------------------------


class Mine:
    @hookimpl
    def neurosim_activations(self):
        return [Activation("mine", lambda z: z, lambda z, a: 1.0)]


def test_a_new_registry_is_empty(monkeypatch):
    monkeypatch.delenv("NEUROSIM_DISABLE_PLUGINS")
    for registry in (Registry(), build_registry(builtins=False, entry_points=False)):
        assert registry.plugins == []
        assert all(getattr(registry, catalog).names() == [] for catalog in HOOKS)


def test_register_an_object_or_a_module():
    registry = Registry()
    plugin = registry.register(Mine())
    assert (plugin.name, plugin.origin) == ("Mine", __file__)
    assert registry.plugins == [plugin]
    assert registry.activations.names() == ["mine"]
    registry.register(neurosim.builtins.schedules)
    assert registry.plugins[1].name == "neurosim.builtins.schedules"
    assert len(registry.plugins[1].sha256) == 64
    assert "constant" in registry.schedules.names()


def test_register_needs_a_name_of_its_own():
    registry = Registry()
    registry.register(Mine())
    with pytest.raises(PluginError, match="there is a plugin called Mine already"):
        registry.register(Mine())
    registry.register(Mine(), "other")
    assert registry.activations.names() == ["Mine:mine", "other:mine"]


def test_registries_do_not_disturb_each_other(tmp_path):
    build_registry([write(tmp_path / "mine.py")])
    assert "mine" not in build_registry().activations.names()
