"""What all tests share: no installed plugins, the built-ins, and every backend there is.

The compiled kernels are kept in the usual cache, so that a second run is quick; no test depends on
what is in it.
"""

import gc
import os
from pathlib import Path

# Before anything builds a registry: a plugin of the machine's owner must not change what is tested.
os.environ["NEUROSIM_DISABLE_PLUGINS"] = "1"
os.environ.pop("NEUROSIM_PLUGINS", None)
# neurosim would say that it does not use them.
os.environ.pop("MPLBACKEND", None)
os.environ.pop("MATPLOTLIBRC", None)
# Before numba is imported: CUDA kernels run in its simulator, unless a GPU is to be tested.
os.environ.setdefault("NUMBA_ENABLE_CUDASIM", "0" if os.environ.get("NEUROSIM_TEST_GPU") else "1")

import cuda_emulator
import hypothesis
import pytest
import shared_kernels
import support

from neurosim.plugin import DataRequest
from neurosim.randomness import Stream

# Before anything asks for a GPU.
EMULATED = os.environ.get("NEUROSIM_TEST_GPU") == "emulator"
NO_EMULATOR = cuda_emulator.start() if EMULATED else None

# No test takes the power away: what is written need not have reached the disk, which takes milliseconds a file.
os.fsync = lambda file: None
# No deadline: the first example may be the one that compiles. No database: nothing is written into the tree.
hypothesis.settings.register_profile("neurosim", deadline=None, database=None, max_examples=60)
hypothesis.settings.load_profile("neurosim")


# From how many tests on it is worth the while to compile what nearly all of them need before the first.
MANY = 2000


# Left to ``-m ci``, whole: whatever starts a browser or many processes, and what tries every case there is.
LONG = (
    "analysis/test_analyses.py",
    "backends/cpu/test_cache.py",
    "backends/cpu/test_conv2d.py",
    "cli/test_plugins_command.py",
    "cli/test_streams.py",
    "cli/test_texts.py",
    "interactive/test_notebook.py",
    "plots/test_catalog.py",
    "plots/test_matrix.py",
    "plots/test_settings.py",
    "plots/test_study_pictures.py",
    "plugin/test_docs.py",
    "reliability",
    "report/test_browser.py",
    "report/test_browser_several.py",
    "runs/test_checkpoints.py",
    "testing/test_kit_builtins.py",
    "testing/test_kit_losses.py",
)
OTHERWISE_MARKED = ("gpu", "lessons", "slow")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    places = [Path(__file__).parent / name for name in LONG]
    assert all(place.exists() for place in places)
    # A file that is asked for by its name is run without further ado.
    asked = {Path(argument.partition("::")[0]).resolve() for argument in config.args} - {Path(__file__).parent}
    left = {
        path: any(map(path.is_relative_to, places)) and not any(map(path.is_relative_to, asked))
        for path in {item.path for item in items}
    }
    for item in items:
        if NO_EMULATOR is not None:
            item.add_marker(pytest.mark.skip(reason=NO_EMULATOR))
        if left[item.path] and not any(item.get_closest_marker(mark) for mark in OTHERWISE_MARKED):
            item.add_marker("ci")


def pytest_collection_finish(session):
    """Workers take turns at compiling, and the tests themselves are not searched for garbage over and over."""
    gc.collect()
    gc.freeze()
    worker = getattr(session.config, "workerinput", None)
    if worker is not None:
        shared_kernels.share(session.config._tmp_path_factory.getbasetemp().parent)
        if len(session.items) > MANY:
            shared_kernels.compile_a_part(int(worker["workerid"].removeprefix("gw")))


@pytest.fixture(autouse=EMULATED)
def nothing_is_found():
    """Whatever a test does on the emulated GPU, no kernel does anything wrong."""
    from cuda_emulator import emulator

    emulator.set_device()
    emulator.set_seed(1)
    emulator.forget()
    yield
    assert emulator.findings() == []


@pytest.fixture(scope="session")
def registry():
    """The built-ins."""
    return support.BUILTINS


def _all_backends():
    """The CUDA backend on a GPU only: in the simulator tests/backends/test_agreement.py has to do."""
    for backend in support.BACKENDS:
        if not backend.simulated:
            yield pytest.param(backend, id=backend.name, marks=pytest.mark.gpu if backend.needs_gpu else ())


@pytest.fixture(params=_all_backends())
def backend(request):
    """Each backend in turn, with how exactly it computes: ``backend.make(network, training)``."""
    return request.param


@pytest.fixture
def load_dataset(tmp_path):
    """Load a built-in data set as a scenario would: ``load_dataset("moons", seed=3, noise=0.0)``."""

    def load_named(name, *, seed=1, folder=None, **options):
        record = support.BUILTINS.datasets.get(name)
        assert options.keys() <= record.options.keys()
        request = DataRequest(Stream(seed, "data", name), folder or tmp_path / name, tmp_path)
        return record.load(request, *({**record.options, **options}).values())

    return load_named
