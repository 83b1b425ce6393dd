"""Helpers for tests of data sets: tables by name, and IDX bytes."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from neurosim.builtins import function_datasets, toy_datasets
from neurosim.data import file_datasets
from neurosim.plugin import DataRequest
from neurosim.randomness import Stream

MODULES = (toy_datasets, function_datasets, file_datasets)
RECORDS = {record.name: record for module in MODULES for record in module.neurosim_datasets()}


@pytest.fixture
def load(tmp_path):
    """Load a built-in data set as a scenario would: ``load("moons", seed=3, noise=0.0)``."""

    def load_named(name, *, seed=1, folder=None, **options):
        record = RECORDS[name]
        assert options.keys() <= record.options.keys()
        request = DataRequest(Stream(seed, "data", name), folder or tmp_path / name, tmp_path)
        return record.load(request, *({**record.options, **options}).values())

    return load_named


@pytest.fixture
def idx_bytes():
    """The IDX form of a uint8 array."""

    def pack(array):
        array = np.asarray(array, dtype=np.uint8)
        header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        return header + array.tobytes()

    return pack


@pytest.fixture
def image_folder(tmp_path, idx_bytes):
    """A folder with a tiny data set in the form of MNIST: 12 training and 5 test images."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    for part, count in (("train", 12), ("t10k", 5)):
        images = np.arange(count * 784, dtype=np.uint32).reshape(count, 28, 28) % 251
        labels = np.arange(count) % 10
        for name, array in ((f"{part}-images-idx3-ubyte.gz", images), (f"{part}-labels-idx1-ubyte.gz", labels)):
            Path(folder, name).write_bytes(gzip.compress(idx_bytes(array), mtime=0))
    return folder
