"""CIFAR-10 in its published form, with a few images: read from the archive or unpacked, and refused when damaged."""

import gzip
import io
import tarfile

import numpy as np
import pytest

from neurosim.cli.application import execute
from neurosim.data import DOWNLOADS, cifar, missing_files
from neurosim.data.cifar import ARCHIVE, FOLDER, RECORD, TEST, TRAINING
from neurosim.errors import DataError, UsageError

COUNT = 4


def records(file):
    """The records of a file: other pixels in each, and a class for each."""
    start = 7 * ((*TRAINING, TEST).index(file) + 1)
    pixels = (np.arange(COUNT * (RECORD - 1), dtype=np.uint32).reshape(COUNT, -1) * start % 251).astype(np.uint8)
    return np.column_stack([(np.arange(COUNT, dtype=np.uint8) + start) % 10, pixels])


FILES = {f"{FOLDER}/{name}": records(name).tobytes() for name in (TEST, *TRAINING)}


def tar(files):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "data" / "cifar10"
    made.mkdir(parents=True)
    return made


def unpack(folder):
    for name, content in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)


@pytest.mark.parametrize("form", ["archive", "tar", "unpacked", "unpacked beside"])
def test_images_have_their_colors_side_by_side(load_dataset, folder, form):
    if form in ("archive", "tar"):
        content = tar({f"{FOLDER}/readme.html": b"<p>", **FILES})
        name = ARCHIVE if form == "archive" else ARCHIVE.removesuffix(".gz")
        (folder / name).write_bytes(gzip.compress(content) if form == "archive" else content)
    else:
        unpack(folder)
    if form == "unpacked beside":
        for path in (folder / FOLDER).iterdir():
            path.rename(folder / path.name)
    assert missing_files("cifar10", folder) == []
    table = load_dataset("cifar10", folder=folder)
    assert table.features.shape == (5 * COUNT, 3072)
    assert table.features.dtype == np.uint8
    assert table.image_shape == (32, 32, 3)
    assert table.classes[:2] == ("airplane", "automobile")
    wanted = np.concatenate([records(name) for name in TRAINING])
    np.testing.assert_array_equal(table.targets, wanted[:, 0])
    # Row by row: red, green and blue of a pixel are 1,024 bytes apart in the file.
    image = table.features[6].reshape(32, 32, 3)
    for row, column, color in ((0, 0, 0), (3, 5, 1), (31, 30, 2)):
        assert image[row, column, color] == wanted[6, 1 + color * 1024 + row * 32 + column]
    np.testing.assert_array_equal(table.test_targets, records(TEST)[:, 0])
    few = load_dataset("cifar10", folder=folder, samples=3, test_samples=2)
    assert (len(few.features), len(few.test_features)) == (3, 2)
    with pytest.raises(UsageError, match="samples = 21: expected 0 to 20"):
        load_dataset("cifar10", folder=folder, samples=21)


def test_where_there_is_nothing_the_command_is_named(load_dataset, folder):
    with pytest.raises(DataError, match=rf"cifar10: {ARCHIVE} is not in") as caught:
        load_dataset("cifar10", folder=folder)
    assert "neurosim data fetch cifar10" in caught.value.hint
    assert missing_files("cifar10", folder) == [ARCHIVE]


BOMB = gzip.compress(tar({"zeros": bytes(2_000_000)}))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a usable archive"),
        (b"text" * 300, "not a usable archive"),
        (gzip.compress(tar(FILES))[:-2000], "not a usable archive"),
        (gzip.compress(tar(FILES)[:-30_000]), "not a usable archive"),
        (tar({}), "it does not hold data_batch_1.bin"),
        (tar({name: FILES[name] for name in list(FILES)[:3]}), "it does not hold data_batch_3.bin"),
        (tar({**FILES, f"{FOLDER}/{TEST}": b"1" * 100}), f"{TEST}: it has 100 bytes, which is not 1 to"),
        (tar({**FILES, f"{FOLDER}/{TEST}": b"\x0b" * RECORD}), f"{TEST}: record 0 has the class 11, expected 0 to 9"),
        (tar({f"many/{number}": b"" for number in range(101)}), "more than 100 members"),
        (BOMB, "beside its six files it has more than the 1,048,576 bytes"),
        (tar({"long": b"1" * 1_100_000}), "beside its six files it has more than the 1,048,576 bytes"),
    ],
    ids=range(11),
)
def test_an_archive_that_is_damaged_or_hostile(folder, content, said):
    (folder / ARCHIVE).write_bytes(content)
    with pytest.raises(DataError) as caught:
        cifar.read_archive(folder / ARCHIVE)
    assert said in caught.value.message
    assert ARCHIVE in caught.value.message


def test_an_archive_writes_nothing_and_follows_no_links(folder):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        link = tarfile.TarInfo(f"{FOLDER}/{TEST}")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        outside = tarfile.TarInfo("../../outside")
        outside.size = 3
        archive.addfile(outside, io.BytesIO(b"abc"))
    (folder / ARCHIVE).write_bytes(packed.getvalue())
    with pytest.raises(DataError, match="does not hold"):
        cifar.read_archive(folder / ARCHIVE)
    assert sorted(path.name for path in folder.parent.rglob("*")) == [ARCHIVE, "cifar10"]


def test_a_scenario_names_the_file_that_is_damaged(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    unpack(folder)
    (folder / FOLDER / TEST).write_bytes(b"\x0b" * RECORD)
    (tmp_path / "photos.toml").write_text(
        """
scenario = { name = "photos", title = "Photos" }
data.source = "cifar10"
network.loss = "categorical_cross_entropy"
network.layers = [{ kind = "dense", units = 10, activation = "softmax" }]
optimizer = { name = "sgd", lr = 0.1 }
training = { epochs = 1, batch_size = 4 }
"""
    )
    assert execute(["info", "photos.toml", "--data-dir", str(folder.parent)]) == 3
    said = capsys.readouterr().err
    assert f"{folder / FOLDER / TEST}: record 0 has the class 11" in said
    assert f"neurosim data fetch cifar10 --data-dir {folder.parent}" in said
    unpack(folder)
    assert execute(["info", "photos.toml", "--data-dir", str(folder.parent)]) == 0
    assert "3072" in capsys.readouterr().out


def test_the_archive_is_the_published_one():
    (file,) = DOWNLOADS["cifar10"].files
    assert file.largest_download == 170_052_171
