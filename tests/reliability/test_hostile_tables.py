"""Damaged and hostile IDX, gzip and CSV files: what another reader reads in them comes out, or a fault is named.

Whether a file is good, and what it holds, is found out independently: with gzip.decompress and struct, and with the csv
module and fractions. A reader has to take exactly the good ones, and to get the very values.
"""

import contextlib
import csv
import gzip
import io
import random
import re
import struct
import zlib
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from mutants import changed_bytes
from sizes import sizes

import neurosim
from neurosim.cli.application import execute
from neurosim.data import read_csv, read_idx
from neurosim.errors import DataError

SCENARIO = """
[scenario]
name = "rows"
title = "Rows"
[data]
source = "csv"
file = "rows.csv"
target = "kind"
{more}
[network]
loss = "{loss}"
[[network.layers]]
kind = "dense"
units = 2
activation = "{activation}"
[optimizer]
name = "sgd"
lr = 0.1
[training]
epochs = 1
[plots]
pictures = []
"""
KINDS = ("bit", "byte", "insert", "piece", "delete", "cut", "double", "swap")
# One in so many goes through the command line too, which does much more.
COMMANDS = 40
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
PIECES = [
    b",", b"\n", b"\r", b'"', b'""', b"\0", b"\xff", b"\xc3", "é".encode(), b" ", b"\t", b"nan", b"inf", b"1e999",
    b"1e-999", b"_", b"-", b"+", b".", b";", b"0x1", b"1,5", b"\xef\xbb\xbf", b"\n\n", b",,", b"a", b"\x1f\x8b",
    b"PK\x03\x04",
]  # fmt: skip


def idx_file(rng):
    """A small good IDX file."""
    shape = [rng.randrange(1, 5) for _ in range(rng.randrange(1, 4))]
    if rng.random() < 0.5:
        shape = [rng.randrange(1, 4), 8, 8]
    header = struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape)
    return header + rng.randbytes(int(np.prod(shape)))


def packed(rng, content):
    """Compressed, sometimes in two members, sometimes with zeros behind."""
    level, cut = rng.randrange(10), rng.randrange(len(content))
    if rng.random() < 0.3:
        return gzip.compress(content[:cut], level, mtime=0) + gzip.compress(content[cut:], level, mtime=0)
    return gzip.compress(content, level, mtime=0) + bytes(rng.choice((0, 0, 0, 3)))


def csv_file(rng):
    """A small good CSV file of numbers, and classes in its last column."""
    end = rng.choice(["\n", "\r\n"])
    lines = ["a,b,kind"]
    for _ in range(rng.randrange(2, 9)):
        values = [f"{rng.uniform(-9, 9):.{rng.randrange(1, 6)}g}" for _ in range(2)]
        quoted = [f'"{value}"' if rng.random() < 0.1 else value for value in values]
        lines.append(",".join([*quoted, rng.choice("xy")]))
    return (end.join(lines) + end * rng.randrange(3)).encode()


def mutated(rng, content, pieces=()):
    """The content with up to four changes."""
    return changed_bytes(rng, content, rng.choice((0, 1, 1, 1, 2, 4)), KINDS, pieces)


def idx_by_others(content):
    """The array in an IDX file, or None where it is no good one."""
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            return None
    if content[:3] != b"\0\0\x08" or len(content) < 4 or not 1 <= content[3] <= 32:
        return None
    dimensions = content[3]
    if len(content) < 4 + 4 * dimensions:
        return None
    shape = struct.unpack_from(f">{dimensions}I", content, 4)
    count = 1
    for size in shape:
        count *= size
    values = content[4 + 4 * dimensions :]
    return np.array(list(values), np.uint8).reshape(shape) if 0 < count == len(values) else None


def csv_by_others(content):
    """Names and fields of a CSV file, or None where it is no good one."""
    if content.startswith((b"\x1f\x8b", b"PK\x03\x04")) or b"\0" in content:
        return None
    try:
        text = content.decode("utf-8-sig")
        header = re.sub('"[^"]*"', "", next((line for line in io.StringIO(text, newline="") if line.strip()), ""))
        separator = max(",;\t", key=header.count)
        lines = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
        records = [record for record in lines if record]
    except (UnicodeDecodeError, csv.Error):
        return None
    rows = [[field.strip() for field in record] for record in records]
    if len(rows) < 2 or len({len(row) for row in rows}) > 1 or len({*rows[0], ""}) <= len(rows[0]):
        return None
    if separator != ",":
        rows = [
            rows[0],
            *([re.sub(r"^([+-]?\d*),(\d+([eE][+-]?\d+)?)$", r"\1.\2", x) for x in row] for row in rows[1:]),
        ]
    return rows


def number_by_others(field):
    """The float64 nearest to a decimal number, or None where it is none or not finite."""
    if not NUMBER.fullmatch(field):
        return None
    if abs(Decimal(field).adjusted()) > 400:
        return None if Decimal(field).adjusted() > 0 and Decimal(field) else 0.0
    try:
        return float(Fraction(field))
    except OverflowError:
        return None


def check_idx(path, content):
    """Whether it was read; raises AssertionError where another reader disagrees."""
    wanted = idx_by_others(content)
    if wanted is None:
        with pytest.raises(DataError, match=re.escape(str(path))):
            read_idx(path, None)
        return False
    array = read_idx(path, None)
    assert array.dtype == np.uint8
    np.testing.assert_array_equal(array, wanted, strict=True)
    return True


def check_csv(path, content):
    """Whether it was read and has numbers; raises AssertionError where another reader disagrees."""
    wanted = csv_by_others(content)
    if wanted is None:
        with pytest.raises(DataError, match=re.escape(str(path))):
            read_csv(path)
        return False
    file = read_csv(path)
    assert [list(file.names), file.count] == [wanted[0], len(wanted) - 1]
    numeric = True
    for place, name in enumerate(file.names):
        fields = [row[place] for row in wanted[1:]]
        if file.separator != "," and any("." in field for field in fields):
            return False  # points and commas in one column are refused, which this reader does not do
        numbers = [number_by_others(field) for field in fields]
        if all(fields):
            assert list(file.texts(name)) == fields
        if None not in numbers:
            assert file.numbers([name])[:, 0].tolist() == numbers
            continue
        numeric = numeric and name == "kind"
        with pytest.raises(DataError) as caught:
            file.numbers([name])
        assert f"row {numbers.index(None) + 1} (line " in caught.value.message
        assert f'column "{name}"' in caught.value.message
    return numeric


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A trained network for the tables, one for the images, and what trains a new one on a table."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "rows.csv").write_text("a,b,kind\n1,2,x\n3,4,y\n5,6,x\n")
    for name, more, loss, activation in (
        ("classes", "", "categorical_cross_entropy", "softmax"),
        ("text", 'task = "classification"', "mse", "tanh"),
    ):
        (folder / f"{name}.toml").write_text(SCENARIO.format(more=more, loss=loss, activation=activation))
    neurosim.run(folder / "classes.toml", backend="reference", out=folder / "table")
    quick = {"training.epochs": 1, "expect": {}, "data.test_fraction": 0.9}
    neurosim.run("digits", backend="reference", overrides=quick, out=folder / "images")
    return folder


def check_command(words):
    """Run a command as its user would."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = execute([str(word) for word in words])
    assert code in (0, 2, 3, 4, 5), f"exit {code}: {said.getvalue()}"
    assert not re.search("Error: unexpected|Traceback", said.getvalue()), said.getvalue()


def check_commands(rng, models, path, kind, run):
    """What a user does with such a file: have a network answer for its rows, or train one on them."""
    model = models / ("table" if kind == "csv" else "images")
    check_command(["predict", model, "--data", path, "--backend", "reference"])
    if kind == "csv":
        (models / "rows.csv").write_bytes(path.read_bytes())
        scenario = models / rng.choice(("classes.toml", "text.toml"))
        check_command(["run", scenario, "--out", run, "--backend", "reference", "--no-report", "--quiet"])


@sizes(short=600, full=20_000)
def test_what_another_reader_reads_or_a_fault(count, models, tmp_path):
    taken = {"idx": 0, "gzip": 0, "csv": 0}
    for number in range(count):
        rng = random.Random(f"hostile tables {number}")
        kind = ("idx", "gzip", "csv")[number % 3]
        if kind == "csv":
            content = mutated(rng, csv_file(rng), PIECES)
        else:
            content = mutated(rng, idx_file(rng))
            if kind == "gzip":
                content = packed(rng, content or b"x")
                content = mutated(rng, content) if rng.random() < 0.7 else content
        path = tmp_path / "given"
        path.write_bytes(content)
        try:
            taken[kind] += (check_csv if kind == "csv" else check_idx)(path, content)
            if number % COMMANDS < 3 and number >= COMMANDS:
                check_commands(rng, models, path, kind, tmp_path / f"run{number}")
        except (Exception, pytest.fail.Exception) as error:
            raise AssertionError(f"file {number}, {kind}: {content!r}") from error
    # A tenth of each kind is still good, so that values were compared; and a tenth is not.
    assert all(count / 30 < found < count * 0.3 for found in taken.values()), taken
