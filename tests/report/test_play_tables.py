"""Tables of one's own on the page that trains: what its reader of CSV takes, and what it says of the rest."""

import csv
import io

import pytest

from neurosim.formulas.javascript import Script
from neurosim.report.engine import engine

READ = """
text => {
  const { readCsv, writeCsv } = engine();
  const table = readCsv(text);
  return [table, writeCsv(table)];
}
"""


@pytest.fixture(scope="module")
def read(browser):
    page = browser.new_page()
    page.add_script_tag(content=engine(Script()))
    yield lambda text: page.evaluate(READ, text)
    page.close()


TAKEN = {
    "commas in quotes": 'a,"b, c",kind\n1,2,"oak, red"\n3,4,elm\n',
    "semicolons, whose header has commas in quotes": '"a, b, c";d;kind\n1;2;x\n3;4;y\n',
    "line breaks and quotes in quotes": 'a,b,kind\n1,2,"an ""old""\noak"\n3,4,elm\n',
    "what a spreadsheet writes": "\ufeffa;b;kind\r\n1;2;x\r\n\r\n3;4.5e-1;y\r\n",
    "lines of an old Macintosh": "a\tb\tkind\r1\t-2\tx\r.5\t4\ty\r",
    "no end of the last line, blanks around": "\n a , b ,kind\n 1 , 2 ,x\n3,4,y",
}


@pytest.mark.parametrize("text", TAKEN.values(), ids=TAKEN)
def test_it_reads_and_writes_tables_as_python_does(text, read):
    table, again = read(text)
    separator = max(",;\t", key=text.split("kind")[0].rpartition('"')[2].count)
    expected = [
        [field if "\n" in field else field.strip() for field in row]
        for row in csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=separator)
        if row
    ]
    assert [table["names"], *table["rows"]] == expected
    assert list(csv.reader(io.StringIO(again, newline=""))) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a;b;c\n1,5;2;x\n3;4;y\n", "line 2, column a: write 1.5 with a point instead of 1,5"),
        ("a;c\n1;0,25\n3;,5\n", "line 2, column c: write 0.25 with a point instead of 0,25"),
        ("a,c\n1,x\n2\n", "line 3 has 1 fields, the first line 2"),
        ('a,c\n1,"x\n2,y\n', "line 2: its quotes are not closed"),
        ('a,c\n1,"x" z\n2,y\n', 'line 2: there is something behind the quotes of "x"'),
        ('a,c\n1,"x\ny"\nten,y\n', 'line 4, column a: "ten" is no number'),
        ("a,c\n0x10,x\n2,y\n", 'column a: "0x10" is no number'),
        ("a,c\n1,x\n2,\n", "line 3 has nothing in its last column, the target"),
        ("a,,c\n1,1,x\n2,2,y\n", "column 2 has no name"),
        ("a,c\n1,x\n", "a line with names and at least two rows"),
        ("", "a line with names and at least two rows"),
        ("\0\0,\0\n1,\0\n2,\0\n", "in all rows"),
    ],
)
def test_what_is_wrong_with_a_table_is_said_with_its_line(text, said, read):
    with pytest.raises(Exception, match=said.replace("+", r"\+")):
        read(text)
