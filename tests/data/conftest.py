"""Helpers for tests of data files: IDX bytes, and a folder of images."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest


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
