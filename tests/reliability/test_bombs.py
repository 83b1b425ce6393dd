"""Files that are made to fill the memory are refused by a process that stays small.

Each is read in a fresh process, whose peak is compared with that of the same process reading a good small file. Linux
counts the peak of the process that started another one to that one too, so a small shell starts them.
"""

import gzip
import io
import json
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib

import numpy as np
import pytest
from sizes import sizes

import neurosim
from neurosim.data import cifar
from neurosim.files.sealed import seal

Image = pytest.importorskip("PIL.Image")

MIB = 1 << 20
LIMIT = 200 * MIB
READ = """
import resource, sys
from neurosim.errors import DataError
{imports}
try:
    {call}
    found = "read"
except DataError as error:
    found = "refused: " + error.message
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, found)
"""
READERS = {
    "idx": ("from neurosim.data import read_idx", "read_idx(sys.argv[1], None)"),
    "csv": ("from neurosim.data import read_csv", "read_csv(sys.argv[1])"),
    "png": (
        "from pathlib import Path\nfrom neurosim.data.image_files import read_images",
        "read_images([Path(sys.argv[1])], (8, 8, 3))",
    ),
    "cifar": (
        "from pathlib import Path\nfrom neurosim.data.cifar import read_archive",
        "read_archive(Path(sys.argv[1]))",
    ),
    "record": ("from neurosim.training.recording import load_recording", "load_recording(sys.argv[1])"),
    "model": (
        "from neurosim.runs.prediction import load_model",
        'load_model(sys.argv[1], backend="reference")',
    ),
}


def peak(kind, path):
    """The most bytes that a fresh process had in memory, and what it said of the file."""
    imports, call = READERS[kind]
    code = READ.format(imports=imports, call=call)
    shell = ["sh", "-c", '"$0" "$@"; exit $?', sys.executable, "-c", code, str(path)]
    done = subprocess.run(shell, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    number, _, found = done.stdout.strip().partition(" ")
    return int(number), found


def flood(head, size):
    """Gzip data of `head` and then zeros, `size` bytes in all; packed once, and the packed part repeated."""
    part = bytes(16 * MIB)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    begin = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = packer.compress(part) + packer.flush(zlib.Z_FULL_FLUSH)
    times, rest = divmod(size - len(head), len(part))
    end = packer.compress(bytes(rest)) + packer.flush()
    check = zlib.crc32(head)
    for _ in range(times):
        check = zlib.crc32(part, check)
    check = zlib.crc32(bytes(rest), check)
    trailer = struct.pack("<2I", check, size % 2**32)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + begin + packed * times + end + trailer


def png_head(width, height):
    header = b"IHDR" + struct.pack(">2I5B", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def idx_header(*shape):
    return struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape)


def repeated(path, part, size, head=b""):
    with path.open("wb") as file:
        file.write(head)
        for _ in range(size // len(part)):
            file.write(part)


def sparse(path, head, size):
    """A file that says it is large, and takes no room on the disk."""
    with path.open("wb") as file:
        file.write(head)
        file.truncate(size)


def zipped(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, parts in members.items():
            with archive.open(name, "w", force_zip64=True) as member:
                for part in parts:
                    member.write(part)


def npy_header(shape, kind="<f4"):
    text = io.BytesIO()
    np.lib.format.write_array_header_1_0(text, {"descr": kind, "fortran_order": False, "shape": shape})
    return text.getvalue()


def idx_that_promises_a_gigabyte(path):
    path.write_bytes(flood(idx_header(1, 1024, MIB), 16 + 1024 * MIB))


def idx_that_promises_little(path):
    path.write_bytes(flood(idx_header(10, 28, 28), 1024 * MIB))


def a_gigabyte_of_gzip_in_gzip(path):
    path.write_bytes(gzip.compress(flood(idx_header(1, 1024, MIB), 16 + 1024 * MIB), 9))


def idx_of_a_few_bytes_that_promises_a_gigabyte(path):
    path.write_bytes(idx_header(1, 1024, MIB) + b"few")


def idx_whose_sizes_overflow(path):
    path.write_bytes(idx_header(2**31, 2**31, 4) + b"few")


def csv_of_commas(path):
    repeated(path, b"," * MIB, 256 * MIB)


def csv_of_lines(path):
    repeated(path, b"\n" * MIB, 256 * MIB, b"a,b\n1,2\n")


def csv_of_lines_of_commas(path):
    repeated(path, b"," * (MIB - 1) + b"\n", 256 * MIB, b"a,b\n1,2\n")


def csv_of_one_line(path):
    repeated(path, b"x" * MIB, 256 * MIB, b"a,b\n1,")


def csv_of_quotes(path):
    repeated(path, b'"' * MIB, 256 * MIB, b"a,b\n1,")


def csv_that_never_ends(path):
    sparse(path, b"a,b\n1,2\n", 1 << 40)


def png_that_promises_pixels(path):
    path.write_bytes(png_head(1 << 15, 1 << 14) + b"\0\0\0\x64IDAT" + bytes(100))


def png_of_words(path):
    """A chunk of text that unpacks to a gigabyte."""
    text = b"zTXtComment\0\0" + zlib.compress(bytes(16 * MIB)) * 64
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    path.write_bytes(png_head(8, 8) + chunk + b"\0\0\0\x64IDAT" + bytes(100))


def cifar_of_a_gigabyte(path):
    head = tarfile.TarInfo("zeros")
    head.size = 1024 * MIB
    path.write_bytes(flood(head.tobuf(), 1024 * MIB))


def cifar_of_a_long_name(path):
    head = tarfile.TarInfo("name")
    head.type, head.size = tarfile.GNUTYPE_LONGNAME, 1024 * MIB
    path.write_bytes(flood(head.tobuf(tarfile.GNU_FORMAT), 1024 * MIB))


def model_with_a_header_of_ten_gigabytes(path):
    sparse(path, struct.pack("<Q", 10**10) + b'{"__metadata__":', 8 + 10**10)


def model_that_only_says_so(path):
    path.write_bytes(struct.pack("<Q", 10**10) + b'{"__metadata__":{"neurosim":"{\\"seal\\": \\""}}')


def model_of_nested_words(path):
    repeated(path, b"[" * MIB, 100 * MIB, struct.pack("<Q", 100 * MIB))


def model_of_many_lists(path):
    path.write_bytes(seal({}, {"network": [[]] * (3 * MIB)}))


def model_of_many_texts(path):
    path.write_bytes(seal({}, {"network": [f"{number:x}" for number in range(1_300_000)]}))


def model_without_end(path):
    sparse(path, struct.pack("<Q", 100) + b"{}" + b" " * 98, 1 << 40)


def record_of_zeros(path):
    zeros = [npy_header((64, 16 * MIB)), *[bytes(64 * MIB)] * 64]
    zipped(path, {"layers.npy": [npy_header((1,), "<U1"), b"a\0\0\0"], "dead.npy": zeros})


def record_that_promises_much(path):
    zipped(path, {"epochs.npy": [npy_header((10**9,), "<f8"), bytes(80)]})


BOMBS = [
    ("idx", idx_of_a_few_bytes_that_promises_a_gigabyte, "more than a file of this size should hold"),
    ("csv", csv_that_never_ends, "null|byte 0x00|more than"),
    ("model", model_that_only_says_so, "its header claims to have 10000000000 bytes"),
    ("record", record_that_promises_much, "has the shape"),
    ("png", png_that_promises_pixels, "more than the 67,108,864 pixels"),
    ("cifar", cifar_of_a_gigabyte, "more than the 1,048,576 bytes"),
    ("png", png_of_words, "damaged"),
    ("cifar", cifar_of_a_long_name, "more than the 1,048,576 bytes|not a usable archive"),
    ("idx", idx_that_promises_a_gigabyte, "more than a file of this size should hold"),
    ("idx", idx_that_promises_little, "but more follow"),
    ("idx", a_gigabyte_of_gzip_in_gzip, "compressed twice"),
    ("idx", idx_whose_sizes_overflow, "more than the 1073741824 that are read"),
    ("csv", csv_of_commas, "more than"),
    ("csv", csv_of_lines, "separators and line ends"),
    ("csv", csv_of_lines_of_commas, "separators and line ends"),
    ("csv", csv_of_one_line, "a line of more than"),
    ("csv", csv_of_quotes, "a line of more than"),
    ("model", model_with_a_header_of_ten_gigabytes, "its header claims to have 10000000000 bytes"),
    ("model", model_of_nested_words, "its header claims to have 104857600 bytes"),
    ("model", model_of_many_lists, "lists and objects, more than"),
    ("model", model_of_many_texts, "not a model of this version"),
    ("model", model_without_end, "it has 1099511627776 bytes"),
    ("record", record_of_zeros, "it would unpack to"),
]


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The peak of each reader with a good small file."""
    folder = tmp_path_factory.mktemp("good")
    (folder / "idx").write_bytes(gzip.compress(idx_header(2, 3) + bytes(6)))
    (folder / "csv").write_text("a,b\n1,2\n")
    Image.new("RGBA", (8, 8)).save(folder / "png.png")
    with tarfile.open(folder / "cifar", "w:gz") as archive:
        for name in (*cifar.TRAINING, cifar.TEST):
            (folder / name).write_bytes(bytes(cifar.RECORD))
            archive.add(folder / name, name)
    asked = {"training.epochs": 1, "expect": {}, "record.quantities": ["dead"]}
    neurosim.run("xor", backend="reference", overrides=asked, out=folder / "record")
    peaks = {}
    for kind in READERS:
        peaks[kind], found = peak(kind, folder / {"model": "record", "png": "png.png"}.get(kind, kind))
        assert found == "read"
    return peaks


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is counted as Linux does")
@sizes(short=5, full=len(BOMBS))
def test_a_bomb_is_refused_in_little_memory(count, good, tmp_path):
    figures = {}
    for kind, make, fault in BOMBS[:count]:
        path = tmp_path / f"{make.__name__}.{'png' if kind == 'png' else 'npz'}"
        make(path)
        most, found = peak(kind, path)
        figures[make.__name__] = {"bytes": most, "more": most - good[kind], "found": found[-100:]}
        path.unlink()
        assert found.startswith("refused: "), (make.__name__, found)
        assert any(words in found for words in fault.split("|")), (make.__name__, found)
        assert most - good[kind] < LIMIT, (make.__name__, figures[make.__name__])
        # Where nothing is computed yet, the whole process stays below.
        assert most < LIMIT or kind in ("record", "model"), (make.__name__, figures[make.__name__])
    print(json.dumps({"good": good, **figures}, indent=1))
