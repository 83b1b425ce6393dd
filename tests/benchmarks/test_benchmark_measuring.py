"""The benchmark's own arithmetic, with contenders and a clock that are made up; nothing is timed."""

import json
import math
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from neurosim.backends.select import make_backend
from neurosim.data.prepare import Prepared, Split
from neurosim.problem.assembly import build_training
from neurosim.problem.building import build_network

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def modules(monkeypatch):
    """The benchmark's modules, which are scripts beside each other and no package."""
    monkeypatch.syspath_prepend(str(FOLDER))
    names = ("measure", "outcome", "report", "pieces", "deep_pieces", "deep_problems")
    for name in names:  # a folder of tests may have the same name
        monkeypatch.delitem(sys.modules, name, raising=False)
    before = set(sys.modules)
    yield SimpleNamespace(**{name: __import__(name) for name in names})
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and Path(sys.modules[name].__file__).parent == FOLDER:
            del sys.modules[name]


class FakeContender:
    """Takes the seconds it is given, and writes down when it was called."""

    def __init__(self, name, seconds, calls):
        self.name, self.seconds, self.calls = name, iter(seconds), calls

    def round(self):
        self.calls.append(self.name)
        return next(self.seconds)


def test_contenders_take_turns_and_pause(modules):
    calls = []
    seconds = {"a": [1.0, 2.0, 9.0], "b": [4.0, 4.0, 4.0]}
    contenders = {name: FakeContender(name, taken, calls) for name, taken in seconds.items()}
    samples = modules.measure.interleave(contenders, 3, pause=0.5, sleep=calls.append)
    assert calls == [0.5, "a", 0.5, "b"] * 3
    assert samples["a"].seconds == (1.0, 2.0, 9.0)


def test_median_and_spread(modules):
    samples = modules.measure.Samples((1.0, 9.0, 2.0, 4.0))
    assert (samples.median, samples.low, samples.high) == (3.0, 1.0, 9.0)
    assert samples.spread == pytest.approx(8 / 3)


def test_timed_divides_by_the_units(modules):
    ticks = iter([10.0, 16.0])
    assert modules.measure.Timed(lambda: None, units=3, clock=lambda: next(ticks)).round() == 2.0


def test_a_ratio_is_taken_against_the_quickest_peer(modules):
    times = {"ours": (1.0, 1.0, 5.0), "slow peer": (4.0, 4.0, 1.0), "quick peer": (3.0, 3.0, 3.0)}
    samples = {name: modules.measure.Samples(seconds) for name, seconds in times.items()}
    row = modules.pieces.faster("work", "ours", ["slow peer", "quick peer", "missing peer"], samples, 2.5)
    assert row.value == 3.0
    assert row.met is True
    assert row.theirs.startswith("quick peer")


def test_without_a_peer_there_is_no_ratio(modules):
    samples = {"ours": modules.measure.Samples((1.0,))}
    row = modules.pieces.faster("work", "ours", ["missing peer"], samples, 2.5)
    assert row.value is None
    assert row.met is None


def test_the_quickest_peers_of_the_heat_go_on(modules):
    times = {"ours": (0.1, 0.1), "b": (3.0, 3.0), "a": (1.0, 9.0), "c": (2.0, 2.0), "d": (4.0, 4.0)}
    heat = {name: modules.measure.Samples(seconds) for name, seconds in times.items()}
    assert modules.deep_pieces.finalists(heat, "ours") == ["c", "b"]
    assert modules.deep_pieces.finalists({"ours": heat["ours"], "b": heat["b"]}, "ours") == ["b"]


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("lenet", "fused"),
        ("lenet", "fused, channels last"),
        ("keras", "fused"),
        ("keras", "fused, channels last"),
        ("batchnorm", "fused"),
        ("residual", "fused"),
    ],
)
def test_both_sides_have_the_same_network(modules, name, mode):
    """The same outputs from the same parameters: no weight is in another place."""
    torch = pytest.importorskip("torch")
    layers, scenario = modules.deep_problems.NETWORKS[name], modules.deep_problems.deep_scenario(name)
    x = np.random.default_rng(1).normal(size=(3, 784)).astype(np.float32)
    digits, ones = tuple("0123456789"), np.ones(784)
    split = Split(x, np.array([0, 5, 9]), np.arange(3), "")
    data = Prepared(
        split, None, None, 1.0, 0.0, ones, 0 * ones, ones[:0], ones[:0], classes=digits, image_shape=(28, 28)
    )
    net = build_network(scenario, data)
    ours = make_backend("reference", net, build_training(scenario, len(data.train)), 0)
    ours.parameters += np.random.default_rng(2).normal(0, 0.05, net.size)
    stack = __import__("deep_torch_peer").Stack(
        list(net.named(ours.parameters).values()), len(net.input_shape) == 3, mode.endswith("channels last")
    )
    theirs = torch.nn.Sequential(*stack.modules(layers)).double().eval()
    with torch.no_grad():
        outputs = theirs(torch.from_numpy(x).double().reshape(3, *stack_input(net))).softmax(1)
    np.testing.assert_allclose(outputs.numpy(), ours.forward(x), rtol=0, atol=1e-5)


def stack_input(net):
    """Channels first, as PyTorch takes them."""
    return net.input_shape if len(net.input_shape) == 1 else (net.input_shape[2], *net.input_shape[:2])


def test_a_bound_from_above(modules):
    row = modules.outcome.Row("memory", 500.0, 450, "MB", at_most=True)
    assert row.met is False
    assert modules.report.cells(row)[1:4] == ("500 MB", "at most 450 MB", "NO")


@pytest.mark.parametrize("theirs", [1.06, 0.94, math.nan])
def test_contenders_that_differ_are_refused(modules, theirs):
    with pytest.raises(modules.outcome.DisagreementError, match="loss"):
        modules.outcome.agree({"loss": 1.0}, {"loss": theirs}, {"loss": ("relative", 0.05)})


def test_a_share_of_many_values_may_differ(modules):
    agree_each, disagreement = modules.outcome.agree_each, modules.outcome.DisagreementError
    assert agree_each([1.0] * 100, [1.0] * 99 + [2.0], 0.1, share=0.99) == 0.99
    with pytest.raises(disagreement):
        agree_each([1.0] * 100, [1.0] * 98 + [2.0] * 2, 0.1, share=0.99)
    with pytest.raises(disagreement):
        agree_each([math.nan], [math.nan], 0.1)


@pytest.mark.parametrize(
    ("seconds", "text"), [(1.5, "1.5 s"), (0.0123, "12.3 ms"), (2.5e-6, "2.5 us"), (3.7e-7, "370 ns")]
)
def test_durations(modules, seconds, text):
    assert modules.pieces.duration(seconds) == text


def test_table_json_and_readme(modules, tmp_path):
    outcome = modules.outcome.Outcome(rows=[modules.outcome.Row("work", 3.0, 2.5, "x", ours="1 s", theirs="3 s")])
    outcome.samples["ours"] = modules.measure.Samples((1.0, 1.0))
    outcomes, machine = {"piece": outcome}, {"processor": "abacus", "cores": "2"}
    assert "work  3x        at least 2.5x  yes" in modules.report.plain_table(outcomes)
    facts = json.loads(json.dumps(modules.report.as_json(outcomes, machine, "run")))
    assert facts["pieces"]["piece"]["rows"][0]["met"] is True
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- figures -->\nold\n<!-- end of figures -->\nafter\n")
    modules.report.write_readme(readme, modules.report.markdown(outcomes, machine, "run"))
    text = readme.read_text()
    assert text.startswith("before\n<!-- figures -->\nMeasured with `run` on: abacus, cores 2.")
    assert text.endswith("| work | 3x | at least 2.5x | yes | 1 s | 3 s |\n<!-- end of figures -->\nafter\n")
    readme.write_text("no marks")
    with pytest.raises(ValueError, match="README"):
        modules.report.write_readme(readme, "")


def test_the_readme_has_its_marks(modules):
    text = (FOLDER / "README.md").read_text()
    assert text.count(modules.report.BEGIN) == text.count(modules.report.END) == 1


def test_help():
    done = subprocess.run([sys.executable, str(FOLDER / "run.py"), "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "--write-readme" in done.stdout


PRINTS = """
import sys
for epoch in (1, 2):
    print(f"epoch {epoch}/2  test accuracy {0.9 + 0.05 * epoch:.2f}", flush=True)
print("and more")
sys.exit(int(sys.argv[1]))
"""


def test_a_process_is_timed_until_its_last_epoch(modules):
    quick = __import__("quick")
    seeds = []

    def command(seed, folder):
        seeds.append(seed)
        return ["-c", PRINTS, "5" if seed == 0 else "1"]

    process = quick.Process(command, lambda printed, folder: printed)
    reached = process.round()
    assert process.accuracies == [1.0]
    assert 0 < reached <= process.totals[0]
    with pytest.raises(sys.modules["process"].ProcessError, match="exit status 1: and more"):
        process.round()
    assert seeds == [0, 1]
