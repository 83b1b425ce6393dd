"""A run trained again: the same bits, or where the two part, and what has changed since."""

import json

import numpy as np
import pytest
from small_runs import PLUGIN, ROWS, SCENARIO

import neurosim as library
from neurosim.cli.application import execute
from neurosim.data import data_root, stored_file
from neurosim.errors import DivergedError
from neurosim.runs import run_ensemble
from neurosim.runs.model import read_model, sealed_model
from neurosim.runs.replay import read_origin, run_replay
from neurosim.scenario import shipped
from neurosim.sweeps import verify
from neurosim.sweeps.parting import of_histories, of_models, of_recordings
from neurosim.training.ensemble import Ensemble
from neurosim.training.recording import Recording

SAME, FILES, DIFFERENT = 0, 3, 5
FEW = {"training.epochs": 3, "expect": {}}
CHANGED = "not the file that the run wrote"
# One of each kind: classes, values, a study, images, convolutions, rows made anew in each epoch.
QUICK = ("iris", "sine", "optimizers", "digits", "digits-cnn", "mnist-mlp-elastic")
FEW_IMAGES = {"data.samples": 1024, "data.test_samples": 256}


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Verify a run by the command line, with the words after it; gives what it prints, one object with ``--json``."""
    monkeypatch.chdir(tmp_path)

    def verified(*words, status):
        capsys.readouterr()
        assert execute(["verify", *map(str, words)]) == status
        out, err = capsys.readouterr()
        return json.loads(out) if "--json" in words else out + err

    return verified


@pytest.fixture
def xor(tmp_path):
    library.run("xor", out=tmp_path / "xor", overrides=FEW, for_report=True)
    return tmp_path / "xor"


@pytest.fixture
def small(tmp_path):
    """A run on rows in a file, with an activation from a plugin."""
    for name, text in (("rows.csv", ROWS), ("twice.py", PLUGIN), ("small.toml", SCENARIO)):
        (tmp_path / name).write_text(text)
    library.run(tmp_path / "small.toml", out=tmp_path / "run", plugins=[tmp_path / "twice.py"], for_report=True)
    return tmp_path


def rewritten(folder, change):
    """The model of a run with its arrays and description changed, and whole: no checksum tells."""
    arrays, words = read_model(folder / "model.safetensors")
    arrays = {name: array.copy() for name, array in arrays.items()}
    change(arrays, words)
    (folder / "model.safetensors").write_bytes(sealed_model(arrays, words))


def test_the_same_run_leaves_its_folder_as_it_was(xor, call):
    before = {path: path.read_bytes() for path in xor.iterdir()}
    assert "The same, bit for bit: model, measures of 3 epochs, recording, trained again on cpu." in call(
        xor, status=SAME
    )
    assert {path: path.read_bytes() for path in xor.iterdir()} == before


def test_one_flipped_bit_of_a_model_is_found_and_named(xor, call):
    content = bytearray((xor / "model.safetensors").read_bytes())
    content[-3] ^= 1
    (xor / "model.safetensors").write_bytes(content)
    said = call(xor, status=DIFFERENT)
    assert "model.safetensors: not the file that the run wrote" in said
    assert "its content does not match its checksum" in said
    assert "layers.1.weight: 1 of 6 numbers differs, by " in said


def test_a_changed_weight_with_a_right_checksum_is_found_as_well(xor, call):
    def nudge(arrays, words):
        arrays["layers.0.bias"][2] = np.nextafter(arrays["layers.0.bias"][2], np.float32(9))

    rewritten(xor, nudge)
    (found,) = call(xor, "--json", status=DIFFERENT)["runs"]
    assert [(one["thing"], one["names"]) for one in found["differences"]] == [("model", ["layers.0.bias"])]


def test_another_version_of_numpy_is_named_and_is_no_difference_where_the_bits_are_the_same(xor, call):
    def older(arrays, words):
        words["identity"]["versions"]["numpy"] = "1.26.4"

    rewritten(xor, older)
    summary = json.loads((xor / "summary.json").read_text())
    older({}, summary)
    (xor / "summary.json").write_text(json.dumps(summary))
    said = call(xor, status=SAME)
    assert f"numpy: 1.26.4, now {np.__version__}, which may change the last bits" in said

    def nudge(arrays, words):
        arrays["layers.1.weight"] += np.float32(1e-6)

    rewritten(xor, nudge)
    said = call(xor, status=DIFFERENT)
    assert said.index("numpy: 1.26.4") < said.index("layers.1.weight: 6 of 6 numbers differ, by at most")


def test_a_changed_row_of_the_data_is_the_cause_and_shows_from_the_first_epoch(small, call):
    (small / "rows.csv").write_text(ROWS.replace("3,2,no", "3,3,no"))
    said = call("run", "--plugin", "twice.py", status=DIFFERENT)
    assert "they differ before training" in said
    assert "data: the training rows have changed" in said
    assert "measures    epoch 1: train_loss was" in said


def test_changed_code_of_a_plugin_is_the_cause(small, call):
    (small / "twice.py").write_text(PLUGIN.replace("2.0", "3.0"))
    found = call("run", "--plugin", "twice.py", "--json", status=DIFFERENT)["runs"][0]
    assert "its code has changed" in found["changed"]["the plugins"][0]
    first = {one["thing"]: one for one in reversed(found["differences"])}
    assert first["measures"]["epoch"] == 1
    assert first["recording"]["names"][0] == "layers.0"


def test_a_changed_scenario_is_another_run(xor, call):
    text = (xor / "scenario.toml").read_text()
    (xor / "scenario.toml").write_text(text.replace("lr = 0.05", "lr = 0.06"))
    said = call(xor, status=DIFFERENT)
    assert "scenario: -lr = 0.05" in said
    assert "they part in epoch 1" in said
    assert "measures    epoch 1: lr was 0.05 and is 0.06" in said


def test_an_edited_measure_is_found_in_its_epoch(xor, call):
    lines = (xor / "metrics.jsonl").read_text().splitlines()
    lines[1] = json.dumps(json.loads(lines[1]) | {"train_accuracy": 1.0})
    (xor / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    said = call(xor, status=DIFFERENT)
    assert "measures    epoch 2: train_accuracy was 1.0 and is 0.5" in said


def test_a_file_that_is_gone_or_damaged_is_a_difference(xor, call):
    content = bytearray((xor / "record.npz").read_bytes())
    content[10] ^= 1  # the time of an entry
    (xor / "record.npz").write_bytes(content)
    assert "recording   record.npz was changed, but for its numbers" in call(xor, status=DIFFERENT)
    (xor / "record.npz").unlink()
    assert "recording   record.npz is missing" in call(xor, status=DIFFERENT)
    (xor / "metrics.jsonl").write_text('{"epoch": 1')
    said = call(xor, status=DIFFERENT)
    assert f"Not the same (trained again on cpu).\n    since then  metrics.jsonl: {CHANGED}" in said
    assert "metrics.jsonl is damaged: line 1: not JSON" in said


def test_a_run_that_diverged_must_do_so_in_the_same_epoch(tmp_path, call):
    with pytest.raises(DivergedError):
        library.run("sine", out=tmp_path / "wild", overrides={**FEW, "optimizer.name": "sgd", "optimizer.lr": 1e30})
    assert "The same, bit for bit: how it diverged in epoch 1, and the measures until then" in call("wild", status=SAME)
    text = (tmp_path / "wild" / "scenario.toml").read_text()
    (tmp_path / "wild" / "scenario.toml").write_text(text.replace("lr = 1e+30", "lr = 0.1"))
    assert "end         then it diverged in epoch 1, now it trained to its end" in call("wild", status=DIFFERENT)


def test_what_was_edited_in_a_study_is_named(tmp_path, call):
    library.study("xor", out=tmp_path / "study", overrides={**FEW, "scenario.repeats": 2})
    table = tmp_path / "study" / "study.csv"
    whole = table.read_text()
    table.write_text(whole.replace(",0.75,", ",1.0,", 1))
    assert "study.csv, seed-7, at the end: train_accuracy was 1.0 and is 0.75" in call("study", status=DIFFERENT)
    table.write_text(whole)
    file = tmp_path / "study" / "members" / "seed-8" / "scenario.toml"
    file.write_text(file.read_text().replace("lr = 0.05", "lr = 0.06"))
    said = call("study", status=DIFFERENT)
    assert "seed-7: The same, bit for bit" in said
    assert "seed-8: Not the same: they part in epoch 1" in said
    assert "1 of 2 networks are the same" in said


def test_an_edited_row_of_many_seeds_is_found(tmp_path, call):
    run_ensemble(Ensemble(library.load_scenario("xor", overrides=FEW), range(3)), tmp_path / "many")
    assert "the measures of 3 networks" in call("many", status=SAME)
    table = tmp_path / "many" / "ensemble.csv"
    header, *rows = table.read_text().splitlines()
    rows[1] = rows[1].replace("0.", "1.", 1)
    table.write_text("\n".join([header, *rows]) + "\n")
    assert "1 of 3 seeds, first seed 1: " in call("many", status=DIFFERENT)


def test_an_edited_count_of_many_seeds_is_found(tmp_path, call):
    run_ensemble(Ensemble(library.load_scenario("xor", overrides={"training.epochs": 3}), range(3)), tmp_path / "many")
    summary = json.loads((tmp_path / "many" / "summary.json").read_text())
    (tmp_path / "many" / "summary.json").write_text(json.dumps(summary | {"success_rate": 1.0}))
    assert "at the end: success_rate was 1.0 and is 0.0" in call("many", status=DIFFERENT)


def test_a_replay_is_trained_again_from_its_fork_as_long_as_its_origin_is_there(xor, tmp_path, call):
    run_replay(read_origin(xor), ("epoch", 2), {"optimizer.lr": 0.5}, library.RunOptions(out=tmp_path / "other"))
    assert "The same" in call("other", status=SAME)
    xor.rename(tmp_path / "gone")
    said = call("other", status=FILES)
    assert "cannot be verified" in said
    assert "bring that one back" in said


def test_epochs_that_were_trained_differently_cannot_be_repeated(xor, call):
    summary = json.loads((xor / "summary.json").read_text())
    (xor / "summary.json").write_text(json.dumps(summary | {"mixed": "epochs 1 to 2: optimizer.lr 0.1"}))
    said = call(xor, status=FILES)
    assert "cannot be verified: epochs 1 to 2: optimizer.lr 0.1" in said


def test_it_says_what_is_missing(tmp_path, call):
    (tmp_path / "empty").mkdir()
    assert "it has no scenario.toml" in call("empty", status=FILES)
    assert "which run? Try: neurosim verify last" in call(status=2)


def test_zeros_of_both_signs_are_not_the_same_bits():
    zero, minus = np.zeros(3, np.float32), np.array([0, -0.0, 0], np.float32)
    (parting,) = of_models({"layers.0.bias": minus}, {"layers.0.bias": zero})
    assert parting.words == "layers.0.bias: 1 of 3 numbers differs, by 0"
    assert of_models({"layers.0.bias": minus}, {"layers.0.bias": minus.copy()}) == []
    (parting,) = of_histories([{"epoch": 1, "train_loss": -0.0}], [{"epoch": 1, "train_loss": 0.0, "seconds": 1}])
    assert (parting.epoch, parting.names) == (1, ("train_loss",))


def test_a_recording_tells_the_first_time_and_its_layers():
    def recorded(*norms):
        recording = Recording(("layers.0", "layers.1", "layers.10"))
        for epoch, row in enumerate(norms):
            recording.add(epoch, epoch * 4, {"gradient_norm": np.array(row, np.float32)})
        return recording

    was = recorded([1, 2, np.nan], [1, 2, 3], [1, 2, 3])
    assert of_recordings(was, recorded([1, 2, np.nan], [1, 2, 3], [1, 2, 3])) == []
    (parting,) = of_recordings(was, recorded([1, 2, np.nan], [1, 7, 8], [0, 0, 0]))
    assert parting.words == "epoch 1: in layers.1, layers.10; the same up to epoch 0"


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.ci if name in QUICK else pytest.mark.slow) for name in shipped()]
)
def test_every_shipped_scenario_is_the_same_again(name, tmp_path):
    scenario = library.load_scenario(name)
    images = scenario.data.source == "mnist"
    if images and stored_file(data_root() / "mnist", "train-images-idx3-ubyte.gz") is None:
        pytest.skip("MNIST is not here")
    changes = {"training.epochs": 1, "expect": {}, "claims": [], "scenario.repeats": 1}
    scenario = library.load_scenario(name, overrides=changes | (FEW_IMAGES if images else {}))
    train = library.study if scenario.is_study else library.run
    train(scenario, out=tmp_path / "run")
    assert verify(tmp_path / "run").same
