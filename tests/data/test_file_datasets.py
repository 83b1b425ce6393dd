"""Data sets from files: the shipped tables, and images in the form of MNIST."""

import gzip
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from neurosim.cli.application import execute
from neurosim.data import DOWNLOADS, dataset_folder
from neurosim.data.file_datasets import TABLES, images_in
from neurosim.data.published import is_right
from neurosim.errors import DataError, UsageError

HAS_MNIST = bool(os.environ.get("NEUROSIM_DATA")) and dataset_folder("mnist").is_dir()
needs_mnist = pytest.mark.skipif(not HAS_MNIST, reason="NEUROSIM_DATA does not point at a folder with mnist/")


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def test_iris_has_fishers_values(load_dataset):
    table = load_dataset("iris")
    assert table.features.shape == (150, 4)
    assert table.classes == ("setosa", "versicolor", "virginica")
    assert table.feature_names == ("sepal_length", "sepal_width", "petal_length", "petal_width")
    assert table.targets.tolist() == [0] * 50 + [1] * 50 + [2] * 50
    # Over the array that scikit-learn 1.9.1 returns, as float64.
    assert digest(table.features) == "012f498fe9c8b3b34212c3c5d98e1f03f2f79931cd49349beb1bad64dcf164a7"
    # The two rows that the copy at UCI has wrong.
    assert table.features[34].tolist() == [4.9, 3.1, 1.5, 0.2]
    assert table.features[37].tolist() == [4.9, 3.6, 1.4, 0.1]


def test_digits_has_the_published_values(load_dataset):
    table = load_dataset("digits")
    assert table.features.shape == (1797, 64)
    assert table.features.dtype == np.float32
    assert (table.features.min(), table.features.max()) == (0, 16)
    assert table.image_shape == (8, 8)
    assert np.bincount(table.targets).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    # Over the arrays that scikit-learn 1.9.1 returns, as float32 and int64.
    assert digest(table.features) == "a627aed550b0b29bf76a981bc1ecbab5ef775aac454c94154f20ec9f61a04c83"
    assert digest(table.targets) == "a3c91c262eddcf7ba8f0e37507c30284493c9b20412ffe4af30d536401f7ba21"


def test_the_shipped_tables_say_where_they_come_from():
    assert {path.name for path in TABLES.iterdir()} == {
        "LICENSE-scikit-learn.txt",
        "README.md",
        "digits.csv.gz",
        "iris.csv",
    }


def test_images_are_rows_of_bytes(image_folder):
    table = images_in(image_folder, "tiny", tuple("0123456789"), 0, 0)
    assert table.features.shape == (12, 784)
    assert table.features.dtype == np.uint8
    assert table.features.flags.c_contiguous
    assert table.features[1, :3].tolist() == [784 % 251, 785 % 251, 786 % 251]
    assert table.targets.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert table.targets.dtype == np.int64
    assert table.test_features.shape == (5, 784)
    assert table.image_shape == (28, 28)


def test_samples_takes_the_first_images(image_folder):
    table = images_in(image_folder, "tiny", tuple("0123456789"), 4, 2)
    assert table.targets.tolist() == [0, 1, 2, 3]
    assert table.test_features.shape == (2, 784)
    for samples, test_samples, name in ((13, 0, "samples"), (-1, 0, "samples"), (0, 6, "test_samples")):
        with pytest.raises(UsageError, match=rf"^{name} = "):
            images_in(image_folder, "tiny", tuple("0123456789"), samples, test_samples)


def test_unpacked_files_will_do(image_folder):
    for packed in list(image_folder.iterdir()):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    assert images_in(image_folder, "tiny", tuple("0123456789"), 0, 0).features.shape == (12, 784)


def test_labels_and_images_must_agree(image_folder, idx_bytes):
    labels = image_folder / "t10k-labels-idx1-ubyte.gz"
    labels.write_bytes(gzip.compress(idx_bytes([1, 2, 3])))
    with pytest.raises(DataError, match=r"t10k-labels.*array of 3, expected 5"):
        images_in(image_folder, "tiny", tuple("0123456789"), 0, 0)
    labels.write_bytes(gzip.compress(idx_bytes([1, 2, 3, 10, 11])))
    with pytest.raises(DataError, match=r"t10k-labels.*label 10 in row 3, expected 0 to 9"):
        images_in(image_folder, "tiny", tuple("0123456789"), 0, 0)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_missing_files_say_what_would_help(load_dataset, tmp_path, name):
    with pytest.raises(DataError) as caught:
        load_dataset(name, folder=tmp_path / name)
    assert caught.value.exit_code == 3
    assert f"neurosim data fetch {name}" in caught.value.hint
    assert f"{name}/train-images-idx3-ubyte.gz" in caught.value.hint
    assert "NEUROSIM_DATA or data_dir=..." in caught.value.hint


@pytest.fixture
def cached(image_folder, tmp_path, monkeypatch):
    """Files in the form of MNIST, whole but not the published ones, in the folder that neurosim fetches into."""
    monkeypatch.delenv("NEUROSIM_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = dataset_folder("mnist")
    folder.parent.mkdir(parents=True)
    return image_folder.rename(folder)


def test_in_the_cache_only_the_published_files_will_do(load_dataset, cached):
    with pytest.raises(DataError) as caught:
        load_dataset("mnist", folder=cached)
    assert caught.value.message.startswith(f"{cached}: damaged: train-images-idx3-ubyte.gz, ")
    assert caught.value.hint == "Run  neurosim data fetch mnist  to replace it with the published file."


def test_a_damaged_file_in_the_cache_ends_a_run_with_3_and_says_what_helps(cached, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    assert execute(["run", "mnist"]) == 3
    assert "Hint: Run  neurosim data fetch mnist  to replace it" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_in_a_folder_that_the_user_names_other_files_will_do(load_dataset, cached, tmp_path):
    own = cached.rename(tmp_path / "mnist")
    assert load_dataset("mnist", folder=own).features.shape == (12, 784)


@pytest.mark.parametrize(
    "content",
    [b"", b"?" * 50, gzip.compress(b"?" * 50, mtime=0), gzip.compress(bytes(50), mtime=0)[:-9]],
    ids=["empty", "text", "packed text", "cut"],
)
def test_a_damaged_file_says_how_to_get_it_again(load_dataset, image_folder, tmp_path, monkeypatch, content):
    own = image_folder.rename(tmp_path / "mnist")
    (own / "t10k-images-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(DataError, match="t10k-images") as caught:
        load_dataset("mnist", folder=own)
    fetching = f"Run  neurosim data fetch mnist --data-dir {tmp_path}  to replace it"
    assert caught.value.hint == f"{fetching} with the published file."
    monkeypatch.setenv("NEUROSIM_DATA", str(tmp_path))
    with pytest.raises(DataError, match="t10k-images") as caught:
        load_dataset("mnist", folder=own)
    assert caught.value.hint == "Run  neurosim data fetch mnist  to replace it with the published file."


@needs_mnist
def test_mnist_is_the_published_one(load_dataset):
    folder = dataset_folder("mnist")
    for file in DOWNLOADS["mnist"].files:
        assert is_right(Path(folder, file.name), file)
    table = load_dataset("mnist", folder=folder)
    assert table.features.shape == (60000, 784)
    assert table.test_features.shape == (10000, 784)
    assert np.bincount(table.targets).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(table.test_targets).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    scaled = table.features / 255.0
    assert (round(scaled.mean(), 4), round(scaled.std(), 4)) == (0.1307, 0.3081)
