"""Every contender of every piece is run once, on problems as small as they come; figures are nobody's business here."""

import gzip
import importlib
import struct
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
NAMES = ("crew", "deep_pieces", "deep_problems", "measure", "outcome", "peak", "pieces", "problems", "whole_processes")
TRAIN, TEST = 150, 20
TRAINING_PIECES = ("mnist", "activations", "evaluation", "xor", "ensemble", "matrices")
DEEP_PIECES = ("lenet", "keras", "resnet", "batchnorm", "residual", "augmentation")
# By default; the others are left to continuous integration.
SHORT = ("activations", "evaluation", "xor")
# The same contender with other settings, or one that compiles the network for half a minute.
LATER = "left to the slow test"
SLOW = {("random", "rbg"), ("unroll", 4)}


class InThisProcess:
    """A contender as `worker.Worker` runs it, without a process of its own."""

    all = False

    def __init__(self, factory, threads, processors, **options):
        slow = str(options.get("mode", "")).startswith("compile") or SLOW & set(options.items())
        if slow and not self.all:
            raise sys.modules["worker"].WorkerError(LATER)
        module, name = factory.split(":")
        try:
            made = getattr(importlib.import_module(module), name)
        except ImportError as error:
            raise sys.modules["worker"].WorkerError(f"{error.name or error} is not installed") from error
        self.contender = made(threads=threads, **options)
        self.first_seconds = self.round()

    def round(self):
        self.contender.setup()
        self.contender.run()
        return 1.0

    def validate(self):
        return self.contender.validate()

    def close(self):
        pass


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A data folder in the form of MNIST, in which every class is a bright square of its own."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "mnist").mkdir()
    for part, count in (("train", TRAIN), ("t10k", TEST)):
        labels = (np.arange(count) % 10).astype(np.uint8)
        images = np.zeros((count, 28, 28), np.uint8)
        for image, label in zip(images, labels, strict=True):
            row, column = divmod(int(label), 5)
            image[4 + 10 * row : 14 + 10 * row, 1 + 5 * column : 6 + 5 * column] = 255
        for name, array in ((f"{part}-images-idx3-ubyte.gz", images), (f"{part}-labels-idx1-ubyte.gz", labels)):
            header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
            (folder / "mnist" / name).write_bytes(gzip.compress(header + array.tobytes()))
    return folder


@pytest.fixture
def bench(monkeypatch, digits):
    """The benchmark's modules, with everything small."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setenv("NEUROSIM_DATA", str(digits))
    # What JAX compiles runs once.
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
    before = set(sys.modules)
    made = SimpleNamespace(**{name: importlib.import_module(name) for name in NAMES})
    monkeypatch.setattr(made.crew, "Worker", InThisProcess)
    monkeypatch.setattr(made.crew, "interleave", lambda workers, rounds: made.measure.interleave(workers, 1, pause=0))
    for module, settings in (
        (made.problems, {"XOR_NETWORKS": 4, "VALIDATION_STEPS": 20, "ENSEMBLE_STEPS": 20, "VALIDATION_EPOCHS": 12}),
        (made.deep_problems, {"HEAT_ROWS": 70, "VALIDATION_ROWS": TRAIN, "VALIDATION_EPOCHS": 12}),
        (made.deep_pieces, {"ROWS": TRAIN}),
        (made.peak, {"SIZE": 16, "FLOP": 2 * 16**3}),
        # Other shuffles and dropout masks make more of a difference to a few steps than to an epoch.
        (made.pieces, {name: {"test_accuracy": ("absolute", 0.3)} for name in ("TRAINED_ALIKE", "LEARNED")}),
        (made.pieces, {"XOR_STEPS": 10, "XOR_PEER_STEPS": 10, "XOR_REPEATS": 1, "MATRIX_STEPS": 3}),
        (made.problems, {"MATRICES": 600}),
    ):
        for name, value in settings.items():
            monkeypatch.setattr(module, name, value)
    yield made
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or ".").parent == FOLDER:
            del sys.modules[name]


def run(bench, piece, tmp_path):
    modules = (bench.pieces, bench.deep_pieces)
    function = next(getattr(module, piece) for module in modules if piece in vars(module))
    outcome = function(bench.crew.Settings(1, 1, tmp_path, lambda text: None))
    assert outcome.rows
    assert outcome.validation
    installed = {"torch": "PyTorch", "jax": "JAX", "optax": "JAX"}
    for name, reason in outcome.skipped.items():
        assert reason == LATER or reason.removesuffix(" is not installed") in installed, f"{name}: {reason}"
    return outcome


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "piece",
    [pytest.param(name, marks=() if name in SHORT else pytest.mark.ci) for name in (*TRAINING_PIECES, *DEEP_PIECES)],
)
def test_every_contender_runs(bench, piece, tmp_path):
    run(bench, piece, tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "piece", ["mnist", "xor", "ensemble", "matrices", "lenet", "keras", "resnet", "batchnorm", "residual"]
)
def test_contenders_that_take_long_to_compile_run_too(bench, piece, tmp_path, monkeypatch):
    for library in ("torch", "jax", "optax"):
        pytest.importorskip(library, reason=f"{library} is not installed")
    monkeypatch.setattr(InThisProcess, "all", True)
    assert not run(bench, piece, tmp_path).skipped


@pytest.mark.slow
def test_whole_processes_run(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(bench.whole_processes, "interleave", bench.crew.interleave)
    settings = bench.crew.Settings(1, 1, tmp_path, lambda text: None)
    for piece in (bench.whole_processes.memory, bench.whole_processes.startup):
        assert all(row.value is not None or "no peer" in row.theirs for row in piece(settings).rows)


def test_peers_have_the_network_of_the_scenario(bench, tmp_path):
    """As many layers, as wide, and with the rates that the shipped files have now."""
    import neurosim

    for name, write, read in (
        ("mnist", bench.problems.write_mnist, bench.problems.read_mnist),
        ("xor", lambda folder: bench.problems.write_xor(folder, 1), bench.problems.read_xor),
    ):
        write(tmp_path)
        found, scenario = read(tmp_path), neurosim.load_scenario(name)
        layers = found.layers if name == "mnist" else found.starts
        units = [layer.units for layer in scenario.network.layers if layer.kind == "dense"]
        assert [weight.shape[-1] for weight, _ in layers] == units
        assert found.rate == scenario.optimizer.params["lr"]


@pytest.mark.filterwarnings("ignore")
def test_the_peer_of_the_gpu_trains_the_same_network(bench, tmp_path):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    gpu_torch, torch_peer = (importlib.import_module(name) for name in ("gpu_torch", "torch_peer"))
    bench.problems.write_xor(tmp_path, 1)
    steps = bench.problems.VALIDATION_STEPS
    on_gpu = gpu_torch.XorSteps(bench.problems.read_xor(tmp_path), 1, False, device="cpu")
    contender = torch_peer.XorSteps(1, tmp_path, steps, 1, "eager")
    assert on_gpu.train(steps) == pytest.approx(contender.validate()["losses"][0], rel=1e-4)
