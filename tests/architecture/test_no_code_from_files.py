"""Nothing that is read from a file becomes code: the few places that make code at all stand here, each with its reason.

What a place calls can be seen from its text, not what it is called with: that the strings are no stranger's is what the
reasons say, and what tests/plugin/test_trust.py and tests/reliability/test_audit.py try out.
"""

import ast

import pytest
from sources import SOURCES, place, tree

# Libraries that make code or any object of bytes, call machine code, or start programs.
MODULES = {
    "pickle", "_pickle", "marshal", "shelve", "dbm", "dill", "cloudpickle", "joblib", "yaml", "ruamel", "xml", "torch",
    "code", "codeop", "runpy", "imp", "zipimport", "pkgutil", "ctypes", "cffi", "subprocess", "pty", "multiprocessing",
}  # fmt: skip
FUNCTIONS = {"eval", "exec", "compile", "__import__", "breakpoint", "input"}
# Of whatever object they are called.
METHODS = {
    "import_module", "spec_from_file_location", "spec_from_loader", "module_from_spec", "exec_module", "load_module",
    "find_spec", "resolve_name", "entry_points", "LoadLibrary", "dlopen", "Popen", "check_output", "check_call",
    "Unpickler", "literal_eval", "memmap", "fromfile", "loadtxt", "genfromtxt",
}  # fmt: skip
OF_OS = ("system", "popen", "fork", "startfile", "exec", "spawn", "posix_spawn")

LAZILY = "what is asked for is looked up in a table of the module, so that it is loaded no sooner"
KERNELS = "text that neurosim's own generators have just made of registered formulas"
FORMULAS = "text that neurosim has made of the formula of a registered record, which is code already"
LIBRARY = "a library by a constant name, which is only there with the GPU packages"
NAMED = "the plugin file that the user names with --plugin, --plugins-dir or NEUROSIM_PLUGINS"
TRAINING = "the process that trains a student's network, which its parent starts; it sends back bytes, read as JSON"
REASONS = {
    ("__init__.py", "import_module"): LAZILY,
    ("scenario/__init__.py", "import_module"): LAZILY,
    ("testing/__init__.py", "import_module"): LAZILY,
    ("cli/application.py", "import_module"): LAZILY,
    ("cli/plugins.py", "import_module"): LAZILY,
    ("analysis/catalog.py", "import_module"): LAZILY,
    ("plots/pictures.py", "import_module"): LAZILY,
    ("sweeps/executors.py", "multiprocessing"): "the processes of a sweep, which its parent starts and talks to",
    ("classroom/training.py", "multiprocessing"): TRAINING,
    ("classroom/training.py", "multiprocessing.connection"): TRAINING,
    ("plugin/host/build.py", "import_module"): "the modules of built-ins, by constant names",
    ("plugin/host/installed.py", "entry_points"): "plugins that the user has installed",
    ("plugin/host/raised.py", "entry_points"): "to say which installed plugin has raised an error; nothing is loaded",
    (
        "plugin/host/sources.py",
        "find_spec",
    ): "where the source of an installed plugin lies, for its hash; nothing is loaded",
    ("formulas/portable.py", "compile"): "the text of a registered function, which is code already, with other powers",
    ("plugin/host/files.py", "compile"): NAMED,
    ("plugin/host/files.py", "exec"): NAMED,
    ("plugin/host/files.py", "spec_from_file_location"): NAMED,
    ("plugin/host/files.py", "module_from_spec"): NAMED,
    ("backends/cache.py", "compile"): KERNELS,
    ("backends/cache.py", "exec"): KERNELS,
    ("backends/cpu/kernel_cache.py", "pickle"): "machine code that was compiled before, in a folder of the user alone",
    ("backends/cpu/purity.py", "exec"): FORMULAS,
    ("backends/cuda/step_constants.py", "exec"): FORMULAS,
    ("formulas/derivatives.py", "compile"): FORMULAS,
    ("formulas/derivatives.py", "exec"): FORMULAS,
    ("formulas/weighting.py", "compile"): FORMULAS,
    ("formulas/weighting.py", "exec"): FORMULAS,
    ("formulas/sequences.py", "compile"): FORMULAS,
    ("formulas/sequences.py", "exec"): FORMULAS,
    ("backends/uncompiled.py", "compile"): FORMULAS,
    ("backends/uncompiled.py", "exec"): FORMULAS,
    ("backends/cuda/graphs.py", "import_module"): LIBRARY,
    ("backends/cuda/async_copies.py", "import_module"): LIBRARY,
    ("backends/cuda/grid_barrier.py", "import_module"): LIBRARY,
    ("backends/cuda/kernel_cache.py", "import_module"): LIBRARY,
    ("backends/cuda/machine_code.py", "import_module"): LIBRARY,
    ("backends/cuda/machine_code.py", "subprocess"): "NVIDIA's disassembler, where a kernel's instructions are counted",
    ("backends/cuda/probes.py", "import_module"): LIBRARY,
    ("backends/cuda/resources.py", "import_module"): LIBRARY,
    ("backends/cuda/rounding.py", "import_module"): LIBRARY,
    ("backends/cuda/target.py", "import_module"): LIBRARY,
    ("backends/cuda/toolkit.py", "import_module"): LIBRARY,
    ("backends/cuda/vector_loads.py", "import_module"): LIBRARY,
    ("backends/cuda/helper.py", "subprocess"): "a second neurosim that compiles kernels without the CUDA simulator",
    ("backends/cpu/inspection.py", "ctypes"): "a view of the kernels' own memory",
    ("bench/parts.py", "ctypes"): "to time kernels by their addresses",
    ("testing/speed.py", "ctypes"): "to time kernels by their addresses",
    ("cli/scaffold/author.py", "subprocess"): "git, which knows the name of the user who starts a plugin",
    ("plots/animation.py", "subprocess"): "ffmpeg, which is given pixels, for films that the user asks for",
    ("plots/studio.py", "subprocess"): "a second neurosim that draws pictures; allowed from the command line only",
    ("plots/studio.py", "Popen"): "a second neurosim that draws pictures; allowed from the command line only",
    ("plots/sharing.py", "os.fork"): "the process that draws, once more: nothing else is started",
    ("data/file_datasets.py", "loadtxt"): "the numbers of the data set digits, which is shipped",
}


def uses(module):
    """What a module uses of all that, by the names above; ``np.load`` where it could unpickle, and ``shell``."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom):
            if str(node.module).partition(".")[0] in MODULES:
                yield node.module
            yield from (alias.name for alias in node.names if alias.name in METHODS)
            if node.module == "os":
                yield from (f"os.{alias.name}" for alias in node.names if alias.name.startswith(OF_OS))
        elif isinstance(node, ast.Name) and node.id in FUNCTIONS:
            yield node.id
        elif isinstance(node, ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            if node.attr in METHODS:
                yield node.attr
            if owner == "os" and node.attr.startswith(OF_OS):
                yield f"os.{node.attr}"
        elif isinstance(node, ast.Call):
            yield from of_call(node)


def of_call(node):
    """Options of a call with which it makes objects or runs a shell."""
    options = {keyword.arg: keyword.value for keyword in node.keywords}
    pickles = options.get("allow_pickle")
    harmless = isinstance(pickles, ast.Constant) and pickles.value is False
    if "shell" in options:
        yield "shell"
    if pickles is not None and not harmless:
        yield "allow_pickle"
    if pickles is None and ast.unparse(node.func) in ("np.load", "numpy.load"):
        yield "np.load"


@pytest.fixture(scope="module")
def found():
    return {(place(path), name) for path in SOURCES for name in uses(tree(path))}


def test_code_is_made_in_the_places_that_may(found):
    assert found - REASONS.keys() == set()


def test_every_reason_is_still_needed(found):
    assert REASONS.keys() - found == set()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import pickle", "pickle"),
        ("import xml.etree as e", "xml.etree"),
        ("from marshal import loads", "marshal"),
        ("from importlib import import_module", "import_module"),
        ("from os import system", "os.system"),
        ("eval(text)", "eval"),
        ("run = exec", "exec"),
        ("__import__(name)", "__import__"),
        ("importlib.import_module(name)", "import_module"),
        ("os.posix_spawn(path, words, {})", "os.posix_spawn"),
        ("os.execv(path, words)", "os.execv"),
        ("np.load(path)", "np.load"),
        ("np.load(path, allow_pickle=True)", "allow_pickle"),
        ("np.load(path, allow_pickle=trusted)", "allow_pickle"),
        ("run(words, shell=True)", "shell"),
        ("asyncio.run(x, shell=y)", "shell"),
    ],
)
def test_each_of_them_is_seen(text, name):
    assert name in set(uses(ast.parse(text)))


def test_what_is_harmless_is_not_taken_for_it():
    text = "import json, platform; platform.system(); re.compile(x); np.load(p, allow_pickle=False); os.replace(a, b)"
    assert set(uses(ast.parse(text))) == set()
