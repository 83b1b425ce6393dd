"""Reading ``record.npz``: what neurosim writes is read again, and what only fills the memory is not."""

import io
import os
import zipfile

import numpy as np
import pytest

from neurosim.errors import DataError
from neurosim.files import archives
from neurosim.training.recording import load_recording
from neurosim.training.recording.recording import Recording


def recorded(rows):
    """A recording of one layer at so many times, of zeros only."""
    made = Recording(("layers.0",))
    for step in range(rows):
        made.add(step, step, {"dead": np.zeros(1, np.float32)}, {"layers.0.weight": np.zeros((20, 20), np.float32)})
    return made


@pytest.fixture
def small_limit(monkeypatch):
    """Nothing may be packed better than 20 to 1 beyond 100 kB, instead of 128 MiB."""
    monkeypatch.setattr(archives, "EXPANDED", 100_000)


def test_what_is_written_is_read_however_well_it_could_be_packed(tmp_path, small_limit):
    for rows in (1, 30, 100, 1000):
        made = recorded(rows)
        (tmp_path / "record.npz").write_bytes(made.to_bytes())
        again = load_recording(tmp_path)
        assert again.to_bytes() == made.to_bytes()
        assert len(again) == rows
    assert (tmp_path / "record.npz").stat().st_size > 1_600_000


def test_what_is_packed_too_well_is_not_unpacked(tmp_path, small_limit):
    content = io.BytesIO()
    np.savez_compressed(content, **recorded(1000).arrays())
    (tmp_path / "record.npz").write_bytes(content.getvalue())
    with pytest.raises(DataError, match=r"it would unpack to 1\d{6} bytes, more than the \d+ that a file of its size"):
        load_recording(tmp_path)


@pytest.mark.parametrize(
    ("shape", "kind"), [((10**12,), "<f8"), ((10**12,), "|S0"), ((2**33, 2**33), "<f4"), ((11,), "<f8")]
)
def test_an_array_is_not_larger_than_what_follows(tmp_path, shape, kind):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": kind, "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(tmp_path / "record.npz", "w") as archive:
        archive.writestr("epochs.npy", header.getvalue() + bytes(80))
    with pytest.raises(DataError, match=r"epochs.npy has the shape .* and only 80 bytes"):
        load_recording(tmp_path)


def test_objects_are_not_unpickled(tmp_path):
    arrays = {**recorded(1).arrays(), "dead": np.array([[os.system]], object)}
    np.savez(tmp_path / "record.npz", **arrays)
    with pytest.raises(DataError, match="Object arrays cannot be loaded"):
        load_recording(tmp_path)


def test_only_ordinary_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "record.npz")
    with pytest.raises(DataError, match="is a pipe, not a file"):
        load_recording(tmp_path)
    with pytest.raises(DataError, match="is a device, not a file"):
        load_recording("/dev/zero")
    with pytest.raises(DataError, match="nothing was recorded in"):
        load_recording(tmp_path / "gone.npz")
