"""Run folders, read again."""

import re
import shutil

import pytest

from neurosim import run, study
from neurosim.errors import DataError, UsageError
from neurosim.report.run import prepare_run_page, write_run_page
from neurosim.runs.reading import read_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "moons"
    overrides = {"training.epochs": 3, "record.quantities": ["parameters", "dead"], "record.every": 1, "expect": {}}
    run("moons", seed=5, overrides=overrides, out=path)
    return path


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def test_a_run_is_as_it_was(tmp_path):
    overrides = {"training.epochs": 4, "record.quantities": ["parameters", "dead"]}
    made = run("moons", seed=5, overrides=overrides, out=tmp_path / "run")
    (again,) = read_run(tmp_path / "run").results
    assert again.metrics == made.metrics
    assert again.seconds == made.seconds
    assert list(again.history) == list(made.history)
    assert again.expectations == made.expectations
    assert again.recording.to_bytes() == made.recording.to_bytes()
    assert again.simulator.seed == 5
    found, wanted = again.simulator.parameters, made.simulator.parameters
    assert all(found[name].tobytes() == wanted[name].tobytes() for name in wanted)
    assert again.simulator.evaluate("test") == made.simulator.evaluate("test")


def test_what_is_read_says_which_backend_trained_it(tmp_path):
    made = run("xor", backend="reference", overrides={"training.epochs": 1, "expect": {}}, out=tmp_path / "run")
    (again,) = read_run(tmp_path / "run").results
    assert again.as_json() == made.as_json()
    page = write_run_page(prepare_run_page(again), [], tmp_path).read_text()
    assert "<td>backend</td><td>reference</td>" in page


def test_a_study_is_as_it_was(tmp_path):
    overrides = {"training.epochs": 2, "scenario.repeats": 2}
    made = study("optimizers", overrides=overrides, out=tmp_path / "study")
    again = read_run(tmp_path / "study")
    assert again.scenario.is_study
    assert [(r.scenario.variant, r.simulator.seed, r.metrics) for r in again.results] == [
        (r.scenario.variant, r.simulator.seed, r.metrics) for r in made.results
    ]


def test_folders_that_are_none(tmp_path, folder):
    with pytest.raises(DataError, match="there is no such run folder"):
        read_run(tmp_path / "nothing")
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="is a file, not a run folder"):
        read_run(tmp_path / "file")
    with pytest.raises(DataError, match="is not the folder of a run") as caught:
        read_run(folder.parent)
    assert caught.value.hint == f"There are runs in it: {folder}."
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="is not the folder of a run"):
        read_run(tmp_path / "empty")
    (tmp_path / "empty" / "ensemble.csv").write_text("seed\n")
    with pytest.raises(DataError, match="a run of many seeds"):
        read_run(tmp_path / "empty")


def test_an_unfinished_run(copy):
    (copy / "summary.json").unlink()
    with pytest.raises(DataError, match="is not finished") as caught:
        read_run(copy)
    assert f"neurosim run --resume {copy}" in caught.value.hint


@pytest.mark.parametrize("name", ["metrics.jsonl", "model.safetensors", "record.npz", "summary.json"])
@pytest.mark.parametrize("damage", [b"", b"{", b"\x00" * 100])
def test_damaged_files_are_named(copy, name, damage):
    (copy / name).write_bytes(damage)
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        read_run(copy)


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("metrics.jsonl", '{"epoch": 2', '{"epoch": 3', "line 2: epoch 3 comes where epoch 2 should be"),
        ("metrics.jsonl", '"lr": ', '"rl": ', "line 1: there is no lr"),
        ("metrics.jsonl", '"train_loss": ', '"train_loss": [], "was": ', "line 1: train_loss is not a number"),
        ("metrics.jsonl", '"train_loss": ', '"train_loss": NaN, "was": ', "line 1: not JSON: NaN is not a number"),
        (
            "metrics.jsonl",
            '"train_loss": ',
            f'"train_loss": 1{"0" * 400}, "was": ',
            "line 1: train_loss is not a number",
        ),
        ("metrics.jsonl", '{"epoch": 3', '3\n{"epoch": 3', "line 3: expected a JSON object"),
        ("summary.json", '"epochs": 3', '"epochs": 2', "it has 3 epochs, and summary.json says 2"),
        ("summary.json", '"seed": 5', '"seed": 6', "its seed is 6, and that of scenario.toml 5"),
        ("summary.json", '"train_loss": ', '"train_loss": "low", "was": ', "final: train_loss is not a number"),
        ("summary.json", '"seconds": ', '"seconds": 1, "was": ', "seconds: expected a JSON object"),
        ("summary.json", '"backend": "cpu"', '"backend": []', "backend is none of cpu, cuda, reference"),
        (
            "summary.json",
            '"rows_sha256": {',
            '"rows_sha256": {"other": "x"}, "was": {',
            "rows_sha256 lacks the training",
        ),
    ],
)
def test_what_no_run_has_written_is_refused(copy, name, old, new, words):
    text = (copy / name).read_text()
    (copy / name).write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match=re.escape(words)) as caught:
        read_run(copy)
    assert "is damaged" in caught.value.message
    assert f"neurosim run {copy / 'scenario.toml'} --out DIR" in caught.value.hint


@pytest.mark.parametrize("name", ["metrics.jsonl", "model.safetensors", "record.npz", "summary.json", "scenario.toml"])
def test_what_is_no_file_is_named(copy, name):
    (copy / name).unlink()
    (copy / name).symlink_to("nowhere")
    with pytest.raises(DataError, match=re.escape(name)) as caught:
        read_run(copy)
    assert caught.value.hint
    (copy / name).unlink()
    (copy / name).mkdir()
    with pytest.raises(DataError, match=re.escape(name)):
        read_run(copy)


def test_a_recording_of_another_network(copy, tmp_path):
    overrides = {"training.epochs": 3, "record.quantities": ["parameters", "dead"], "network.layers.0.units": 7}
    run("moons", seed=5, overrides=overrides, out=tmp_path / "other")
    shutil.copy(tmp_path / "other/record.npz", copy)
    with pytest.raises(UsageError, match=r"\n  record\.npz: not the file that the run wrote"):
        read_run(copy)
    with pytest.raises(DataError, match=r"record\.npz is damaged: it is of another network"):
        read_run(copy, force=True)


def test_a_study_that_lacks_a_network_is_not_taken_for_a_whole_one(tmp_path):
    study("moons", overrides={"training.epochs": 1, "scenario.repeats": 2, "expect": {}}, out=tmp_path / "study")
    (tmp_path / "study/members/seed-1/summary.json").unlink()
    with pytest.raises(DataError, match="lacks seed-1") as caught:
        read_run(tmp_path / "study")
    assert f"neurosim run --resume {tmp_path / 'study'}" in caught.value.hint


def test_weights_of_another_network(copy):
    text = (copy / "scenario.toml").read_text().replace("units = 16", "units = 8")
    (copy / "scenario.toml").write_text(text)
    with pytest.raises(UsageError, match="has changed since it was trained") as caught:
        read_run(copy)
    assert "\n  scenario: -units = 16\n  scenario: +units = 8\n" in f"{caught.value.message}\n"
    with pytest.raises(DataError, match=r"model\.safetensors does not fit .*scenario\.toml"):
        read_run(copy, force=True)
