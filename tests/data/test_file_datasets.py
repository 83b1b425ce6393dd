"""Data sets from files: the shipped tables, and images in the form of MNIST."""

import gzip
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from neurosim.builtins.file_datasets import TABLES, images_in
from neurosim.data import DOWNLOADS, dataset_folder
from neurosim.data.fetch import is_right
from neurosim.errors import DataError, UsageError

HAS_MNIST = bool(os.environ.get("NEUROSIM_DATA")) and dataset_folder("mnist").is_dir()
needs_mnist = pytest.mark.skipif(not HAS_MNIST, reason="NEUROSIM_DATA does not point at a folder with mnist/")


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def test_iris_has_fishers_values(load):
    table = load("iris")
    assert table.features.shape == (150, 4)
    assert table.classes == ("setosa", "versicolor", "virginica")
    assert table.feature_names == ("sepal_length", "sepal_width", "petal_length", "petal_width")
    assert table.targets.tolist() == [0] * 50 + [1] * 50 + [2] * 50
    # Over the array that scikit-learn 1.9.1 returns, as float64.
    assert digest(table.features) == "012f498fe9c8b3b34212c3c5d98e1f03f2f79931cd49349beb1bad64dcf164a7"
    # The two rows that the copy at UCI has wrong.
    assert table.features[34].tolist() == [4.9, 3.1, 1.5, 0.2]
    assert table.features[37].tolist() == [4.9, 3.6, 1.4, 0.1]


def test_digits_has_the_published_values(load):
    table = load("digits")
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
def test_missing_files_say_what_would_help(load, tmp_path, name):
    with pytest.raises(DataError) as caught:
        load(name, folder=tmp_path / name)
    assert caught.value.exit_code == 3
    assert f"neurosim data fetch {name}" in caught.value.hint
    assert f"{name}/train-images-idx3-ubyte.gz" in caught.value.hint
    assert "NEUROSIM_DATA / --data-dir" in caught.value.hint


@needs_mnist
def test_mnist_is_the_published_one(load):
    folder = dataset_folder("mnist")
    for file in DOWNLOADS["mnist"].files:
        assert is_right(Path(folder, file.name), file)
    table = load("mnist", folder=folder)
    assert table.features.shape == (60000, 784)
    assert table.test_features.shape == (10000, 784)
    assert np.bincount(table.targets).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(table.test_targets).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    scaled = table.features / 255.0
    assert (round(scaled.mean(), 4), round(scaled.std(), 4)) == (0.1307, 0.3081)
