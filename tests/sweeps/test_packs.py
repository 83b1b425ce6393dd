"""Packs: each trial in one gives the folder of its single run, byte for byte, and a damaged pack is noticed."""

import json

import pytest

from neurosim import load_model
from neurosim.cli.application import execute
from neurosim.errors import DataError
from neurosim.files.array_files import file_of_arrays
from neurosim.sweeps.entries import entries_in
from neurosim.sweeps.packs import PackFile, packs_in
from neurosim.sweeps.ranking import rank
from neurosim.sweeps.storage import WORTH_A_PACK, unpacked
from neurosim.sweeps.sweep import sweep
from neurosim.sweeps.trials import Maker, Recipe
from neurosim.sweeps.worker import Worker

POINT = [{"optimizer.lr": 0.05}]
SEEDS = range(WORTH_A_PACK)
XOR = Recipe("xor", {"training.epochs": 4})


def contents(folder):
    """What is in the folder of a run, without times and its own name."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    summary = json.loads((folder / "summary.json").read_text())
    del summary["files_sha256"]["metrics.jsonl"]
    return {
        "model": (folder / "model.safetensors").read_bytes(),
        "scenario": (folder / "scenario.toml").read_text(),
        "epochs": [list({**json.loads(line), "seconds": None}.items()) for line in lines],
        "summary": list({**summary, "seconds": None, "run_dir": None}.items()),
        "files": sorted(file.name for file in folder.iterdir()),
    }


def whole(pack):
    """All arrays of a pack."""
    file = PackFile(pack)
    return [file.array(name) for name in file.array_names]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("xor", {"training.epochs": 4}),
        ("iris", {"training.epochs": 2, "data.validation_fraction": 0.2, "optimizer.schedule.name": "cosine"}),
        ("sine", {"training.epochs": 1, "optimizer.name": "sgd"}),
    ],
)
def test_a_packed_trial_gives_the_folder_of_the_trial_alone(tmp_path, name, settings):
    packed, alone = tmp_path / "packed", tmp_path / "alone"
    sweep(Recipe(name, settings), POINT, packed, seeds=SEEDS, jobs=1)
    assert [file.suffix for file in packed.iterdir()] == [".safetensors"]
    (place,) = sweep(Recipe(name, settings), POINT, alone, seeds=[3], jobs=1).table.places
    folder = place.entries[0].folder
    assert contents(unpacked(packed / folder.name)) == contents(folder)


def test_points_of_one_architecture_share_a_pack(tmp_path):
    rates = [0.001 * (number + 1) for number in range(WORTH_A_PACK)]
    points = [{"optimizer.lr": rate, "optimizer.beta1": 0.8} for rate in rates]
    swept = sweep(XOR, points, tmp_path / "packed", seeds=[3], jobs=1)
    assert [file.suffix for file in (tmp_path / "packed").iterdir()] == [".safetensors"]
    assert len(swept.table.places) == WORTH_A_PACK
    assert sweep(XOR, points, tmp_path / "packed", seeds=[3], jobs=1).trained == 0
    (place,) = sweep(XOR, points[5:6], tmp_path / "alone", seeds=[3], jobs=1).table.places
    folder = place.entries[0].folder
    assert contents(unpacked(tmp_path / "packed" / folder.name)) == contents(folder)


def test_what_is_packed_is_ranked_as_folders_are(tmp_path):
    whole = sweep(XOR, POINT, tmp_path / "out", seeds=SEEDS, jobs=1)
    assert sweep(XOR, POINT, tmp_path / "out", seeds=SEEDS, jobs=1).trained == 0
    (before,) = rank(entries_in([tmp_path / "out"])).places
    for entry in before.entries:
        unpacked(entry.folder)
    for pack in packs_in(tmp_path / "out"):
        pack.unlink()
    (after,) = rank(entries_in([tmp_path / "out"])).places
    assert before.as_json() == after.as_json()
    assert whole.table.places[0].mean == after.mean
    assert sweep(XOR, POINT, tmp_path / "out", seeds=SEEDS, jobs=1).trained == 0


def test_commands_find_a_trial_that_is_in_a_pack(tmp_path, capsys):
    (place,) = sweep(XOR, POINT, tmp_path, seeds=SEEDS, jobs=1).table.places
    folder, other = (place.entries[number].folder for number in (-1, 0))
    assert not folder.exists()
    assert execute(["verify", str(folder)]) == 0
    assert folder.is_dir()
    assert load_model(other).predict([[0.0, 1.0]]) == ["1"]


def test_a_pack_that_cannot_be_written_is_the_reason_of_its_trials(tmp_path):
    maker = Maker(XOR)
    trained = Worker(maker, tmp_path).train(maker.trials(POINT[0], SEEDS))
    ((pack, names),) = trained.packs
    assert len(names) == len(SEEDS)
    (tmp_path / pack.file_name / "in the way").mkdir(parents=True)
    assert all(f"cannot write {tmp_path}" in ended.reason and not ended.pack for ended in trained.kept())


def test_what_diverges_has_a_folder_beside_the_pack(tmp_path):
    steep = Recipe("sine", {"training.epochs": 1, "training.batch_size": 1000, "expect": {}, "optimizer.name": "sgd"})
    seeds = range(3 * WORTH_A_PACK)
    # The loss overflows with the weights of some seeds, and not with those of the others.
    (place,) = sweep(steep, [{"optimizer.lr": 1e20}], tmp_path, seeds=seeds, jobs=1).table.places
    assert 0 < len(place.failed) < len(seeds)
    assert len(place.entries) == len(seeds)
    assert all(entry.folder.is_dir() for entry in place.failed)


@pytest.mark.parametrize("place", [-1, 300, 3])
def test_a_flipped_bit_in_a_pack_is_noticed(tmp_path, place):
    sweep(XOR, POINT, tmp_path, seeds=SEEDS, jobs=1)
    (pack,) = packs_in(tmp_path)
    content = bytearray(pack.read_bytes())
    content[place] ^= 4
    pack.write_bytes(content)
    with pytest.raises(DataError, match="is not a readable pack of trials"):
        whole(pack)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kinds": []},
        {"kinds": [{"summary": 3}]},
        {"final": ["\x1b[2J"]},
        {"layout": [["w", [-1]]], "epochs": 10**30},
        {"rows": None},
    ],
)
def test_a_description_that_no_sweep_writes_is_refused(tmp_path, wrong):
    (place,) = sweep(XOR, POINT, tmp_path, seeds=SEEDS, jobs=1).table.places
    (pack,) = packs_in(tmp_path)
    file = PackFile(pack)
    arrays = {name: file.array(name) for name in file.array_names}
    pack.write_bytes(b"".join(file_of_arrays(arrays, {**file.words, **wrong})))
    with pytest.raises(DataError, match=r"trials-\w+\.safetensors is "):
        entries_in([tmp_path]) and unpacked(place.entries[0].folder)
    assert not place.entries[0].folder.exists()


@pytest.mark.parametrize("content", [b"", b"\xff" * 8, b"\2\0\0\0\0\0\0\0{}"])
def test_what_is_no_pack_is_said_in_a_sentence(tmp_path, content):
    (tmp_path / "trials-00.safetensors").write_bytes(content)
    with pytest.raises(DataError, match=r"trials-00\.safetensors is not a readable pack of trials"):
        entries_in([tmp_path])
