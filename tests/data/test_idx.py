"""IDX files: the right array or a DataError, whatever the bytes are."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurosim.data import read_idx
from neurosim.errors import DataError

IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
HEADER = struct.pack(">BBBBIII", 0, 0, 8, 3, 3, 4, 5)
PLAIN = HEADER + IMAGES.tobytes()
PACKED = gzip.compress(PLAIN, mtime=0)


@pytest.fixture
def read(tmp_path):
    def read_bytes(content, shape=(None, 4, 5)):
        path = tmp_path / "images-idx3-ubyte"
        path.write_bytes(content)
        return read_idx(path, shape)

    return read_bytes


@pytest.mark.parametrize("content", [PLAIN, PACKED])
def test_reads_plain_and_packed_files(read, content):
    array = read(content)
    assert array.dtype == np.uint8
    assert array.flags.c_contiguous
    np.testing.assert_array_equal(array, IMAGES)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "ends after 0 bytes"),
        (PLAIN[:7], "ends within the header, after 7 bytes"),
        (b"\x89PNG" + PLAIN[4:], "starts with the bytes 89 50 4e 47, expected 00 00 08 and"),
        (b"\0\0\x0d\x03" + PLAIN[4:], "holds floats, expected unsigned bytes"),
        (b"\0\0\x07\x03" + PLAIN[4:], "unknown type 7"),
        (b"\0\0\x08\x01" + PLAIN[4:], "has 1 dimensions, expected 3"),
        (PLAIN[:-1], "promises 3 x 4 x 5 = 60 bytes, but only 59 follow"),
        (PLAIN + b"!", "= 60 bytes, but more follow"),
        (gzip.compress(PLAIN[:-1]), "but only 59 follow"),
        (gzip.compress(PLAIN + b"!"), "but more follow"),
        (PACKED[:-9], "gzip data are broken"),
        (PACKED[:-8] + b"\0\0\0\0" + PACKED[-4:], "gzip data are broken"),
        (PACKED + b"junk", "gzip data are broken"),
        (gzip.compress(PACKED), "compressed twice"),
        (PACKED[:-1] + b"\1", "gzip data are broken"),
        (struct.pack(">BBBBIII", 0, 0, 8, 3, 0, 4, 5), "holds no rows"),
        (struct.pack(">BBBBIII", 0, 0, 8, 3, 3, 5, 4) + bytes(60), "array of 3 x 5 x 4, expected any x 4 x 5"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "bytes",
)
def test_names_the_file_and_the_fault(read, content, fault):
    with pytest.raises(DataError) as caught:
        read(content)
    assert "images-idx3-ubyte" in caught.value.message
    assert fault in caught.value.message


def test_gzip_may_come_in_several_members(read):
    np.testing.assert_array_equal(read(gzip.compress(PLAIN[:9]) + gzip.compress(PLAIN[9:])), IMAGES)
    with pytest.raises(DataError, match="but more follow"):
        read(PACKED + PACKED)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("sizes", "fault"),
    [
        ((1,) * 255, "has 255 dimensions, more than the 32"),
        ((1,) * 33, "has 33 dimensions, more than the 32"),
        ((2**31, 2**31, 4), "more than the 1073741824"),  # 2**64: nothing, where sizes overflow
        ((2**32 - 1,) * 3, "more than the 1073741824"),
        ((0,) * 32, "holds no rows"),
    ],
    ids=["255", "33", "64 bits", "largest", "none"],
)
def test_sizes_that_no_array_has(read, sizes, fault, packed):
    content = struct.pack(f">BBBB{len(sizes)}I", 0, 0, 8, len(sizes), *sizes) + b"x"
    with pytest.raises(DataError, match=fault):
        read(gzip.compress(content) if packed else content, None)


def test_any_number_of_dimensions_that_an_array_can_have(read):
    assert read(struct.pack(">BBBB32I", 0, 0, 8, 32, *(1,) * 32) + b"x", None).shape == (1,) * 32


def test_missing_file_and_folder(tmp_path):
    for path, fault in ((tmp_path / "nothing.gz", "no such file"), (tmp_path, "is a folder")):
        with pytest.raises(DataError, match=fault):
            read_idx(path, (None,))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("rows", "fault"), [(0x0FFFFFFF, "more than the 1073741824 that are read"), (5_000_000, "more than a file of this")]
)
def test_a_header_cannot_reserve_memory(read, packed, rows, fault):
    content = struct.pack(">BBBBIII", 0, 0, 8, 3, rows, 4, 5) + b"few"
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=fault):
            read(gzip.compress(content) if packed else content)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_bomb_is_not_unpacked(read):
    flood = gzip.compress(PLAIN + bytes(200 << 20), compresslevel=1)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="but more follow"):
            read(flood)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_what_is_packed_too_well_is_not_unpacked(read):
    """Nothing but zeros, as the header says: no data are packed 1000 to 1, beyond a size that does not matter."""
    small, large = (struct.pack(">BBBBI", 0, 0, 8, 1, count) + bytes(count) for count in (60 << 20, 70 << 20))
    assert read(gzip.compress(small, 1), (None,)).shape == (60 << 20,)
    with pytest.raises(DataError, match=r"= 73400320 bytes, more than a file of this size should hold"):
        read(gzip.compress(large, 9), (None,))


@st.composite
def mutations(draw):
    content = bytearray(draw(st.sampled_from([PLAIN, PACKED])))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(len(content) - 1, 0)))
        match draw(st.sampled_from(["change", "insert", "cut", "delete"])):
            case "change" if content:
                content[place] = draw(st.integers(0, 255))
            case "insert":
                content[place:place] = draw(st.binary(min_size=1, max_size=4))
            case "cut":
                del content[place:]
            case "delete":
                del content[place : place + 2]
    return bytes(content)


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutations())
def test_never_anything_but_an_array_or_a_data_error(read, content):
    try:
        array = read(content)
    except DataError:
        return
    assert array.dtype == np.uint8
    assert array.shape[1:] == (4, 5)
    payload = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    assert payload[16:] == array.tobytes()
