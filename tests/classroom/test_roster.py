"""The list of students: its columns, its faults, seeds and folders."""

import hashlib

import pytest

from neurosim.classroom.roster import SEEDS, enrolled, read_students, seed_of
from neurosim.errors import DataError


def read(tmp_path, content):
    path = tmp_path / "students.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_students(path, "7b", "xor")


def test_the_seed_follows_from_class_scenario_and_id():
    digest = hashlib.sha256(b"7b\nxor\n17").digest()
    seed = int.from_bytes(digest[:8], "big") % SEEDS
    assert seed_of("7b", "xor", "17") == seed
    assert seed_of("7b", "xor", "17", {seed}) != seed
    assert seed_of("7c", "xor", "17") != seed != seed_of("7b", "and", "17")


def test_names_in_any_script_and_way_of_writing(tmp_path):
    found = read(tmp_path, "\ufeffid;Name\r\n1;E\u0301va  Šimon\r\n2;李雷\r\n\r\n3;../../etc\r\n4;CON\r\n5;\r\n")
    assert [each.name for each in found] == ["Éva Šimon", "李雷", "../../etc", "CON", "5"]
    assert [each.folder for each in found] == ["1-eva-simon", "2-student", "3-etc", "4-con", "5-5"]
    assert len({each.seed for each in found}) == 5


def test_only_names():
    first, second = enrolled([("Ada", "Ada"), ("Bob", "Bob")], "7b", "xor")
    assert (first.key, second.folder) == ("Ada", "2-bob")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "has neither a column id nor a column name"),
        ("first,second\n1,2\n", "has neither a column id nor a column name"),
        ("id,name\n\n", "lists no students"),
        ("id,name\n1,Ada\n1,Bob\n", "lists 1 twice"),
        ("name\nE\u0301va\n\u00c9va\n", "lists Éva twice"),
        ("id,name\n,\n,\n1,Ada\n,  \n3,C\n".replace("3,C", '"",""') + "id2,\n", None),
        ("id,name,mail\n,,a@b\n", "student 1 has neither an id nor a name"),
        (b"id,name\n1,\xff\xfe\n", "is not UTF-8 text"),
        ("name\n" + "x" * 201 + "\n", "has more than 200 characters"),
        ("name\n" + "".join(f"{n}\n" for n in range(2001)), "lists 2,001 students"),
        ("name\n" + "x" * 1_000_001, "is too large"),
    ],
)
def test_faults(tmp_path, content, words):
    if words is None:
        assert [each.key for each in read(tmp_path, content)] == ["1", "id2"]
        return
    with pytest.raises(DataError, match=words):
        read(tmp_path, content)


def test_no_file(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_students(tmp_path / "none.csv", "7b", "xor")
