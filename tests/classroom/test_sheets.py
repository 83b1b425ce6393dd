"""What a worksheet asks for, and whether answers are right."""

import pytest

import neurosim
from neurosim.classroom.sheets import as_csv, asked_by, is_right, mark, number_in, read_answers


@pytest.fixture(scope="module")
def sheet():
    return neurosim.explain(neurosim.Simulator(neurosim.load_scenario("xor"), backend="reference"))


def test_each_gap_at_the_end_of_a_line_is_asked_for(sheet):
    asked = asked_by(sheet)
    blank = sheet.printed(blank=True).splitlines()
    numbered = {
        int(line[1 : line.index(")")]) for line in map(str.strip, blank) if line[:1] == "(" and line[1].isdigit()
    }
    assert {each.line for each in asked} <= numbered
    by_name = {each.name: each.value for each in asked}
    assert by_name["L"] == sheet.values["L"]
    printed = sheet.printed(blank=False)
    assert all(f"({each.line}) {each.name} = " in printed for each in asked)


def test_the_solutions_are_all_right(sheet):
    asked = asked_by(sheet)
    assert mark(read_answers(as_csv(asked, blank=True)), asked).given == 0
    solved = mark(read_answers(as_csv(asked, blank=False)), asked)
    assert (solved.right, solved.given, solved.wrong) == (len(asked), len(asked), ())


def test_wrong_and_missing_answers(sheet):
    asked = asked_by(sheet)
    marked = mark({asked[0].line: asked[0].value + 1, asked[1].line: None, 99999: 1.0}, asked)
    assert (marked.right, marked.given, marked.wrong) == (0, 2, (asked[0].line, asked[1].line))


@pytest.mark.parametrize(
    ("content", "answers"),
    [
        (b"line,name,answer\n1,z,0.5\n2,a,\n", {1: 0.5}),
        ("\ufefflinE;name;answer\r\n(1);z;-0,5\r\n".encode(), {1: -0.5}),
        ("line\tname\tanswer\n1\tz\t\u22121e-3\n".encode(), {1: -0.001}),
        (b"line,name,answer\n1,\xff\xe2L,nan\n2,,=1+1\n3,,1_0\n4,,inf\n5,,0x1\n", dict.fromkeys(range(1, 6))),
        (b"answer,line\n7,1\n\n,\n", {1: 7.0}),
    ],
)
def test_files_of_spreadsheets(content, answers):
    assert read_answers(content) == answers


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "lacks the columns line and answer"),
        (b"\x00\x01\x02", "lacks the columns"),
        (b"line,answer\n1,2\n1,3\n", "answers line 1 twice"),
        (b"line,answer\nx,2\n", "without the number of its line"),
        (b"line,answer\n" + b"x" * 140_000 + b",1\n", "not a readable CSV file"),
    ],
)
def test_broken_files(content, words):
    with pytest.raises(ValueError, match=words):
        read_answers(content)


def test_how_near_an_answer_has_to_be():
    assert is_right(1.009, 1.0)
    assert not is_right(1.011, 1.0)
    assert is_right(0.0, 9e-5)
    assert not is_right(None, 0.0)
    assert number_in("1" * 41) is None
