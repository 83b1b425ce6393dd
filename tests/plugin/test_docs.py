"""docs/plugins.md and docs/plugin-reference.md are right: code runs, commands work, the reference is the contract."""

import dataclasses
import importlib
import inspect
import itertools
import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
import support

from neurosim import plugin
from neurosim.cli.application import execute
from neurosim.errors import PluginError
from neurosim.plugin import hookspecs
from neurosim.plugin.host import HOOKS, build_registry

PAGE = Path(__file__).parents[2] / "docs" / "plugins.md"
TUTORIAL = PAGE.read_text(encoding="utf-8")
REFERENCE = PAGE.with_name("plugin-reference.md").read_text(encoding="utf-8")
RECORDS = [value for value in map(vars(plugin).get, plugin.__all__) if dataclasses.is_dataclass(value)]


@dataclass(frozen=True)
class Block:
    """A fenced piece of the page."""

    language: str
    text: str
    line: int

    @property
    def file(self):
        """The name in the comment that a Python block starts with."""
        return re.match(r"# (\w+\.py)\n", self.text).group(1)


def blocks(text, first_line=1):
    found = []
    for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        found.append(Block(match[1], match[2], first_line + text.count("\n", 0, match.start()) + 1))
    return found


def sections():
    """The parts of the tutorial by heading, with their blocks."""
    found = {}
    starts = [match.start() for match in re.finditer(r"^## ", TUTORIAL, re.MULTILINE)]
    for start, end in itertools.pairwise([*starts, len(TUTORIAL)]):
        part = TUTORIAL[start:end]
        found[part.partition("\n")[0].removeprefix("## ")] = blocks(part, TUTORIAL.count("\n", 0, start) + 1)
    return found


SECTIONS = sections()


def test_every_block_is_of_a_known_kind():
    for block in itertools.chain(*SECTIONS.values()):
        assert block.language in {"python", "console", "toml"}, f"line {block.line}"
        if block.language == "toml":
            tomllib.loads(block.text)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the files of all sections before the one under test, as a reader would have them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *(entry for entry in sys.path if entry)]))
    return tmp_path


def typed(line, monkeypatch):
    """Do what a line of a console block does; gives its exit status."""
    program, *arguments = shlex.split(line)
    if program == "neurosim":
        return execute(arguments)
    if line.startswith("python -m pytest "):
        options = ["-q", "-p", "no:cacheprovider", "-W", "error"]
        return subprocess.run([sys.executable, *arguments, *options], check=False, stdout=subprocess.PIPE).returncode
    if program == "cd":
        monkeypatch.chdir(*arguments)
        return 0
    # Installing and publishing reach out of the machine. Written packages are tested by test_scaffold.py.
    assert line in {
        'pip install -e ".[test]"',
        "python -m pytest",
        "pip install build twine",
        "python -m build",
        "twine check dist/*",
        "twine upload dist/*",
    }
    return 0


@pytest.mark.parametrize(
    "title", [pytest.param(title, marks=pytest.mark.ci if title == "Tests" else ()) for title in SECTIONS]
)
def test_a_section_works_as_it_is_typed(here, monkeypatch, title):
    for earlier in itertools.takewhile(lambda other: other != title, SECTIONS):
        for block in SECTIONS[earlier]:
            if block.language == "python":
                (here / block.file).write_text(block.text)
    for block in SECTIONS[title]:
        if block.language == "python":
            (here / block.file).write_text(block.text)
        elif block.language == "console":
            for number, line in enumerate(block.text.splitlines(), block.line + 1):
                assert typed(line, monkeypatch) == 0, f"docs/plugins.md:{number}: {line}"


# The language of formulas --------------------------------------------------------------------------------------

TABLE = re.findall(
    r"^\| (`.*`) \| (.*) \|$", "\n".join(TUTORIAL.partition("## What is refused")[2].splitlines()[:25]), re.M
)
PRELUDE = "import math\nimport numpy as np\nTABLE = [1.0]\n\ndef smooth(x):\n    return x\n\n"
LINE = PRELUDE.count("\n") + 2


def formula(tmp_path, monkeypatch, text):
    """A formula that returns what the text says, in a module of its own."""
    name = f"formula_{abs(hash(text))}"
    (tmp_path / f"{name}.py").write_text(f"{PRELUDE}def f(z):\n    return {text}\n")
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module(name).f


def test_the_table_of_refusals_was_found():
    assert len(TABLE) == 13


@pytest.mark.parametrize(("refused", "instead"), TABLE)
def test_what_is_refused_and_what_is_not(tmp_path, monkeypatch, refused, instead):
    with pytest.raises(PluginError, match=rf"\.py:{LINE}: in f: "):
        support.translate(formula(tmp_path, monkeypatch, refused.strip("`")))
    offered = re.fullmatch(r"`([^`]*)`.*", instead)
    if offered:
        support.translate(formula(tmp_path, monkeypatch, offered[1]))


# The reference -------------------------------------------------------------------------------------------------


def part(heading):
    """What stands under a heading of the reference."""
    after = REFERENCE.partition(f"\n### `{heading}`\n")[2]
    assert after, f"docs/plugin-reference.md has no heading  ### `{heading}`"
    return after.partition("\n### ")[0].partition("\n## ")[0]


def own_hooks():
    return [getattr(hookspecs, hook) for hook, _ in HOOKS.values()]


def test_there_are_no_other_hooks():
    defined = {name for name, value in vars(hookspecs).items() if name.startswith("neurosim_") and callable(value)}
    assert {hook.__name__ for hook in own_hooks()} == defined


@pytest.mark.parametrize("hook", own_hooks(), ids=lambda hook: hook.__name__)
def test_every_hook_is_documented_with_its_signature(hook):
    signature = str(inspect.signature(hook)).replace("'", "")
    assert part(f"{hook.__name__}{signature}").strip()


def plugin_blocks():
    return [block for block in itertools.chain(*SECTIONS.values()) if "@hookimpl" in block.text]


@pytest.fixture(scope="module")
def tutorial_plugins(tmp_path_factory):
    """The last version of every plugin of the tutorial, loaded."""
    folder = tmp_path_factory.mktemp("tutorial")
    for block in plugin_blocks():
        (folder / block.file).write_text(block.text)
    return build_registry(sorted(folder.iterdir()), builtins=False, entry_points=False, environment=False)


def test_every_hook_and_record_is_used_in_the_tutorial(tutorial_plugins):
    used = {type(entry.record).__name__ for what in HOOKS for entry in getattr(tutorial_plugins, what)}
    text = "".join(block.text for block in plugin_blocks())
    used |= {name for name in ("Every", "FromLogits", "Outline", "Table") if f"{name}(" in text}
    given = {"DataRequest": "request.random", "Progress": "progress.record"}
    used |= {record for record, use in given.items() if use in text}
    assert used == {record.__name__ for record in RECORDS}
    for hook in own_hooks():
        assert f"def {hook.__name__}():" in text


def constructor(record):
    """How a record is made, as the reference writes it."""
    arguments = []
    for field in dataclasses.fields(record):
        if field.default_factory is not dataclasses.MISSING:
            arguments.append(f"{field.name}={field.default_factory()!r}")
        elif field.default is not dataclasses.MISSING:
            default = f'"{field.default}"' if isinstance(field.default, str) else repr(field.default)
            arguments.append(f"{field.name}={default}")
        else:
            arguments.append(field.name)
    return f"{record.__name__}({', '.join(arguments)})"


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_every_record_is_documented(record):
    text = part(constructor(record))
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == [field.name for field in dataclasses.fields(record)]
    for signature in re.findall(r" : function ``([^`]*)``", record.__doc__):
        assert f"`{signature}`" in text


def test_every_public_name_of_the_contract_is_a_record_or_the_marker():
    assert {record.__name__ for record in RECORDS} | {"hookimpl"} == set(
        importlib.import_module("neurosim.plugin").__all__
    )


# Links ---------------------------------------------------------------------------------------------------------


def anchors(text):
    """The anchors of all headings of a page."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [PAGE, PAGE.with_name("plugin-reference.md")], ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)]*)\)", page.read_text(encoding="utf-8"))
    assert links
    for link in links:
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), link


def test_named_packages_exist():
    for name in ("mish", "snake", "focal", "sparsemax", "lion", "mlflow"):
        assert f"`neurosim-{name}`" in TUTORIAL
        assert (PAGE.parent.parent / "plugins" / f"neurosim-{name}").is_dir()


def test_the_plugin_in_the_readme_is_that_of_this_page():
    readme = (PAGE.parent.parent / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## Your own activation")[2].partition("\n## ")[0]
    shown = {
        language: [block.text for block in blocks(section) if block.language == language]
        for language in ("python", "console")
    }
    (plugin,) = shown["python"]
    assert plugin in TUTORIAL
    for line in "".join(shown["console"]).splitlines():
        assert line in TUTORIAL.splitlines()
