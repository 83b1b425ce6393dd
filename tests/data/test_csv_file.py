"""CSV files: named columns, and faults that name row and column."""

import gzip
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurosim.data import csv_file, read_csv
from neurosim.errors import DataError, UsageError


@pytest.fixture
def write(tmp_path):
    def write_text(content):
        path = tmp_path / "plants.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_text


@pytest.fixture
def load_csv(load, write):
    """Write a file and load it as the data set ``csv``."""

    def load_content(content, target="kind", **options):
        return load("csv", file=write(content).name, target=target, **options)

    return load_content


GOOD = "size, weight,kind\r\n1.5,10,fern\r\n\r\n2.5,20,moss\r\n3.5,30,fern\r\n"


@pytest.mark.parametrize("content", [GOOD, GOOD.replace("\r", ""), "\ufeff" + GOOD, GOOD.rstrip()])
def test_reads_named_columns(write, content):
    file = read_csv(write(content))
    assert file.names == ("size", "weight", "kind")
    assert list(file.texts("kind")) == ["fern", "moss", "fern"]
    assert file.count == 3
    np.testing.assert_array_equal(file.numbers(["weight", "size"]), [[10, 1.5], [20, 2.5], [30, 3.5]])


def test_quoted_fields_may_hold_commas_and_line_ends(write):
    file = read_csv(write('a,b\n"x,1","two\nlines"\ny,z\n'))
    assert [list(file.texts(name)) for name in file.names] == [["x,1", "y"], ["two\nlines", "z"]]
    with pytest.raises(DataError, match=r"row 1 \(line 3\), column \"a\": 'x,1' is not a number"):
        file.numbers(["a"])


@pytest.mark.parametrize(
    ("content", "fault", "hint"),
    [
        ("", "the file is empty", "first row"),
        ("\n\n", "the file is empty", ""),
        ("a,b\n", "no rows below", ""),
        ("a,b,a\n1,2,3\n", 'columns 1 and 3 are both called "a"', ""),
        ("a,,c\n1,2,3\n", "column 2 has no name", ""),
        ("a,b,c\n1,2,3\n1,2\n", 'row 2 (line 3): ends before column "c"', ""),
        ("a,b\n1,2\n\n1,2,3\n", 'row 2 (line 4): goes on after the last column "b"', "decimal comma"),
        ("a;b\n1;2\n", "'a;b'", "commas"),
        ('a,b\n1,"x"y\n', "row 1 (line 2)", "double quotes"),
        ('a,b\n1,"x\n', "row 1 (line 2)", ""),
        (b"a,b\n1,2\n3,caf\xe9\n", "not UTF-8 text: byte 0xe9 in row 2 (line 3), column 2", "UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "not UTF-8 text: byte 0xff in row 0 (line 1), column 1", "UTF-8"),
        ("a,b\n1,2\n".encode("utf-16-le"), "byte 0x00 in row 0 (line 1), column 1", "UTF-8"),
        ("a,b\n1,2\n3,4\0\n", "not plain text in UTF-8: byte 0x00 in row 2 (line 3), column 2", "UTF-8"),
        (b"a,b\n1,\xc3", "byte 0xc3 in row 1 (line 2), column 2", ""),
        (f"a,b\n1,{'x' * 200_000}\n", "row 1 (line 2): field larger than field limit", ""),
        (gzip.compress(GOOD.encode(), mtime=0), "not CSV: it is compressed with gzip", "Unpack it first"),
        (b"PK\x03\x04 and more", "spreadsheet", "CSV"),
    ],
    ids=lambda value: repr(value[:30]),
)
def test_faults_of_the_file(write, content, fault, hint):
    with pytest.raises(DataError) as caught:
        read_csv(write(content))
    assert "plants.csv" in caught.value.message
    assert fault in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.hint


@pytest.mark.parametrize("field", ["", "  ", "heavy", "nan", "inf", "-Infinity", "1e999", "1_000", '"1,5"'])
def test_faults_of_a_field_name_row_and_column(load_csv, field):
    with pytest.raises(DataError, match=r'row 2 \(line 3\), column "weight"'):
        load_csv(f"size,weight,kind\n1,2,fern\n3,{field},moss\n")


def test_what_counts_as_a_blank_for_texts_does_for_numbers(load_csv):
    """float() and str.strip() do not agree on it."""
    assert load_csv("x,kind\n\x1f.5,\x1fa\n\u2003\t2\xa0,b\n").features.tolist() == [[0.5], [2.0]]


def test_a_missing_target_names_row_and_column(load_csv):
    with pytest.raises(DataError, match=r'row 1 \(line 2\), column "kind": the value is missing'):
        load_csv("size,kind\n1,\n2,fern\n")


def test_unknown_columns_get_a_suggestion(load_csv):
    with pytest.raises(DataError) as caught:
        load_csv(GOOD, target="knid")
    assert caught.value.hint == 'did you mean "kind"?'
    with pytest.raises(DataError) as caught:
        load_csv(GOOD, features=["size", "wieght"])
    assert caught.value.hint == 'did you mean "weight"?'


@pytest.mark.parametrize(
    ("limit", "number", "content", "fault"),
    [
        ("LARGEST", 10, GOOD, "more than the 10 bytes that are read"),
        ("MOST_FIELDS", 5, "a,b\n1,2\n1,2\n", "more than the 5 commas and line ends"),
        ("MOST_FIELDS", 5, "a\n\n\n\n\n\n", "more than the 5 commas and line ends"),
        ("LONGEST_LINE", 20, "a,b\n1," + " " * 20, "a line of more than the 20 bytes"),
        ("MOST_COLUMNS", 3, "a,b,c,d\n", "line 1 has more than the 3 columns"),
        ("MOST_COLUMNS", 3, "a,b,c\n1,2,3\n,,,\n", "line 3 has more than the 3 columns"),
    ],
)
def test_too_large_a_file_is_not_read(write, monkeypatch, limit, number, content, fault):
    monkeypatch.setattr(csv_file, "CHUNK", 4)
    monkeypatch.setattr(csv_file, limit, number)
    with pytest.raises(DataError, match=fault):
        read_csv(write(content))


def test_bytes_that_are_no_text_are_found_wherever_they_are(write, monkeypatch):
    monkeypatch.setattr(csv_file, "CHUNK", 4)
    good = "größe,ärger\n" + "ö1,€2\n" * 20
    assert read_csv(write(good)).count == 20
    for cut in range(1, len(good)):
        content = good[:cut].encode() + b"\xe2\x82" + good[cut:].encode()
        text = content.decode(errors="replace")[: cut + 1]
        row, column = text.count("\n"), text.rpartition("\n")[2].count(",") + 1
        with pytest.raises(DataError, match=rf"byte 0xe2 in row {row} \(line {row + 1}\), column {column}"):
            read_csv(write(content))


def test_a_hundred_thousand_columns(write):
    names = [f"c{number}" for number in range(2**17)]
    file = read_csv(write(",".join(names) + "\n" + ",".join(["1"] * 2**17) + "\n"))
    np.testing.assert_array_equal(file.numbers(names), np.ones((1, 2**17)))
    with pytest.raises(DataError, match='columns 2 and 2001 are both called "c1"'):
        read_csv(write(",".join([*names[:2000], "c1"]) + "\n"))


def test_the_memory_that_a_file_needs(write):
    """Eight bytes for each number, beside the file."""
    path = write("a,b\n" + "1,2\n" * 100_000)
    tracemalloc.start()
    try:
        file = read_csv(path)
        assert tracemalloc.get_traced_memory()[1] < 400_000 + (2 << 20)
        assert file.numbers(["a", "b"]).nbytes == 1_600_000
        assert tracemalloc.get_traced_memory()[1] < 2_000_000 + (4 << 20)
    finally:
        tracemalloc.stop()


def test_text_labels_become_sorted_classes(load_csv):
    table = load_csv("size,kind\n1,moss\n2,fern\n3,moss\n")
    assert table.classes == ("fern", "moss")
    assert table.targets.tolist() == [1, 0, 1]
    assert table.feature_names == ("size",)


def test_number_labels_are_sorted_as_numbers(load_csv):
    table = load_csv("x,kind\n1,10\n2,9\n3,10.0\n4,9\n", task="classification")
    assert table.classes == ("9", "10")
    assert table.targets.tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["0", "1", "1", "0"], 2),
        (["0.5", "1", "1", "0"], 0),
        ([str(number) for number in range(50)] * 4, 0),
        (["3", "1", "2", "7"], 0),
        (["yes", "no", "no", "yes"], 2),
    ],
)
def test_the_task_is_found_out(load_csv, labels, classes):
    table = load_csv("x,kind\n" + "".join(f"1,{label}\n" for label in labels))
    assert len(table.classes) == classes
    assert table.targets.shape == ((len(labels),) if classes else (len(labels), 1))


def test_labels_that_no_number_type_takes_are_texts(load_csv):
    table = load_csv("x,kind\n1,0e99999999999999999999\n2,1\n", task="classification")
    assert table.classes == ("0e99999999999999999999", "1")


def test_a_slip_in_a_number_target_is_a_fault_and_no_class(load_csv):
    with pytest.raises(DataError, match=r"row 3 .*'3o' is not a number"):
        load_csv("x,kind\n1,10\n2,20\n3,3o\n4,40\n")


def test_options_are_checked(load_csv):
    with pytest.raises(UsageError, match="expected one of") as caught:
        load_csv(GOOD, task="regresion")
    assert caught.value.hint == 'did you mean "regression"?'
    with pytest.raises(UsageError, match="not the target"):
        load_csv(GOOD, features=["size", "kind"])
    with pytest.raises(DataError, match="no column besides"):
        load_csv("kind\nfern\nmoss\n")
    with pytest.raises(DataError, match="same value"):
        load_csv("x,kind\n1,fern\n2,fern\n")


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=40), st.text("ab1.,;\"'\n\r\t \0é", max_size=40)))
def test_never_anything_but_a_file_or_a_data_error(write, content):
    try:
        file = read_csv(write(content))
        file.numbers(file.names)
    except DataError:
        return
    assert [len(list(file.texts(name))) for name in file.names] == [file.count] * len(file.names)
