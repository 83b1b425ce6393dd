"""CSV files: named columns, and faults that name row and column."""

import gzip
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurosim.data import csv_faults, csv_file, read_csv
from neurosim.errors import DataError, UsageError


@pytest.fixture
def write(tmp_path):
    def write_text(content):
        path = tmp_path / "plants.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_text


@pytest.fixture
def load_csv(load_dataset, write):
    """Write a file and load it as the data set ``csv``."""

    def load_content(content, target="kind", **options):
        return load_dataset("csv", file=write(content).name, target=target, **options)

    return load_content


GOOD = "size, weight,kind\r\n1.5,10,fern\r\n\r\n2.5,20,moss\r\n3.5,30,fern\r\n"


@pytest.mark.parametrize("content", [GOOD, GOOD.replace("\r", ""), "\ufeff" + GOOD, GOOD.rstrip()])
def test_reads_named_columns(write, content):
    file = read_csv(write(content))
    assert file.names == ("size", "weight", "kind")
    assert list(file.texts("kind")) == ["fern", "moss", "fern"]
    assert file.count == 3
    np.testing.assert_array_equal(file.numbers(["weight", "size"]), [[10, 1.5], [20, 2.5], [30, 3.5]])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [";", "\t"])
def test_files_as_spreadsheets_write_them_in_europe(write, separator, end):
    """Semicolons or tabs between the columns, decimal commas, and a byte-order mark."""
    lines = ["Größe, in m;Preis;Ort", "1,5;100;Köln", '"2,25";-3,5e2;"Berlin; Mitte"', ",5;7;Ulm", ""]
    file = read_csv(write("\ufeff" + end.join(lines).replace(";", separator).replace("Berlin" + separator, "Berlin;")))
    assert file.names == ("Größe, in m", "Preis", "Ort")
    assert file.numbers(file.names[:2]).tolist() == [[1.5, 100.0], [2.25, -350.0], [0.5, 7.0]]
    assert list(file.texts("Größe, in m")) == ["1.5", "2.25", ".5"]
    assert list(file.texts("Ort"))[1] == "Berlin; Mitte"


def test_separators_of_thousands_are_refused_and_not_guessed(write):
    with pytest.raises(DataError, match=r"row 1 .*'1.234,5' is not a number"):
        read_csv(write("a;b\n1.234,5;1\n2;3\n")).numbers(["a"])
    with pytest.raises(
        DataError, match=r"""row 2 \(line 3\), column "a": '2.000' has a point; other numbers"""
    ) as caught:
        read_csv(write("a;b\n1,5;1\n2.000;3\n")).numbers(["a", "b"])
    assert "Write all numbers in one way" in caught.value.hint
    # A thousand in one column beside a decimal comma in another: read as 1.2 the price would be wrong without a word.
    with pytest.raises(DataError, match=r"""row 2 \(line 3\), column "price": '1.200' has a point"""):
        read_csv(write("size;price\n1,5;950\n2,5;1.200\n")).numbers(["size", "price"])


def test_a_comma_wins_unless_there_are_more_of_the_others(write):
    assert read_csv(write("a,b;c\n1,2\n")).names == ("a", "b;c")
    assert read_csv(write('"a;b;c",d\n1,2\n')).names == ("a;b;c", "d")
    assert read_csv(write("a, in m;b;c\n1;2;3\n")).names == ("a, in m", "b", "c")
    assert read_csv(write("only\n1\n")).names == ("only",)


def test_all_faults_of_a_table_are_said_at_once(load_csv):
    content = "size,weight,kind\n1,x,a\n,2,b\n3,nan,\n4,5,a\n5,6,b\n6,7,a\n"
    with pytest.raises(DataError) as caught:
        load_csv(content)
    assert caught.value.message.split("\n  ")[1:] == [
        'row 2 (line 3), column "size": the value is missing',
        """row 1 (line 2), column "weight": 'x' is not a number""",
        """row 3 (line 4), column "weight": the value is missing ('nan')""",
        'row 3 (line 4), column "kind": the value is missing',
    ]
    assert ": 4 fields are wrong:" in caught.value.message
    assert caught.value.hint.startswith(
        "Mend the fields, or leave out their rows. Rows with missing values can be left"
    )


def test_faults_without_end_are_counted(load_csv, monkeypatch):
    names = [f"c{number}" for number in range(12)]
    rows = ",".join(["1"] * 12 + ["a"]) + "\n" + "".join(",".join(["x"] * 12 + ["a"]) + "\n" for _ in range(50))
    content = ",".join([*names, "kind"]) + "\n" + rows
    with pytest.raises(DataError) as caught:
        load_csv(content)
    lines = caught.value.message.split("\n  ")
    assert lines[0].endswith(": 600 fields are wrong:")
    assert lines[1] == """row 2 (line 3), column "c0": 'x' is not a number (and 49 more in this column)"""
    assert len(lines) == 12
    assert lines[-1] == "and 2 lines more"
    assert "write each value as one" in caught.value.hint
    monkeypatch.setattr(csv_faults, "LOOKED_AT", 100)
    with pytest.raises(DataError, match=r": more than .* fields are wrong:"):
        load_csv(content)


def test_a_column_of_words_and_numbers_is_left_out_by_naming_the_others(load_csv):
    rows = "".join(f"{k},{city},{k * k},{k % 2}\n" for k, city in enumerate(["Bern", "Basel", 8000] * 10))
    with pytest.raises(DataError) as caught:
        load_csv("size,city,price,kind\n" + rows)
    assert caught.value.message.endswith(
        """row 1 (line 2), column "city": 'Bern' is not a number (and 19 more in this column)"""
    )
    assert '"city" is no feature' in caught.value.hint
    assert """overrides={"data.features": ["size", "price"]}""" in caught.value.hint
    assert """for categories:  overrides={"data.categorical": ["city"]}""" in caught.value.hint
    assert load_csv("size,city,price,kind\n" + rows, features=["size", "price"]).features.shape == (30, 2)


def test_a_target_of_words_is_no_regression(load_csv):
    with pytest.raises(DataError) as caught:
        load_csv(GOOD, task="regression")
    assert 'task = "classification"' in caught.value.hint


def test_rows_of_another_length_are_all_told(write):
    with pytest.raises(DataError) as caught:
        read_csv(write("a,b\n" + "1,2\n1\n1,2,3\n" * 8))
    lines = caught.value.message.split("\n  ")
    assert lines[0].endswith(": 16 of 24 rows do not have 2 fields:")
    assert lines[1] == 'row 2 (line 3): ends before column "b"; it has 1 of 2 fields'
    assert lines[2] == 'row 3 (line 4): goes on after the last column "b"; it has 3 fields instead of 2'
    assert lines[11] == "and 6 rows more"
    assert caught.value.hint.count("Add what is missing") == 1


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ("a b kind\n1 2 x\n", 'a single column, "a b kind". Columns are separated by commas, semicolons or tabs.'),
        ("0.79,setosa\n1,x\n", "The first row has to name the columns, and here it is: 0.79, setosa."),
    ],
)
def test_a_first_row_without_names_is_explained(load_csv, content, hint):
    with pytest.raises(DataError, match='unknown column "kind"') as caught:
        load_csv(content)
    assert hint in caught.value.hint


def test_a_target_of_words_that_are_all_different_is_no_class(load_csv):
    rows = "".join(f'{k},"{1000 * k:,}"\n' for k in range(60))
    with pytest.raises(DataError, match="60 different values in 60 rows, such as '0' and '9,000': too many") as caught:
        load_csv("x,kind\n" + rows)
    assert "without separators of thousands" in caught.value.hint
    assert len(load_csv("x,kind\n" + rows, task="classification").classes) == 60


def test_all_unknown_columns_are_named(load_csv):
    with pytest.raises(DataError, match='unknown column "knid", unknown column "wieght"'):
        load_csv(GOOD, target="knid", features=["size", "wieght"])


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
        ("MOST_FIELDS", 5, "a,b\n1,2\n1,2\n", "more than the 5 separators and line ends"),
        ("MOST_FIELDS", 5, "a\n\n\n\n\n\n", "more than the 5 separators and line ends"),
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
