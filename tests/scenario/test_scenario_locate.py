"""Positions of keys, against documents whose places are known because they were made here."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from neurosim.scenario.locate import locate

NASTY = '''\
# [not.a.table]
title = "a # b = [c]" # x = 1
text = """
[fake]
key = "v" \\""" still ""inside"""""
raw = \'\'\'
it's [here]\'\'\'\'
"quoted . key" = 1979-05-27 07:32:00 # date
a . "b.c".d = -1.5e3
list = [ # comment ]
  1, [2, "]"],
  { x = 1, y.z = [ { w = 2 } ] }, # last
]
[ server . "host name" ]
ip = 1
[[rows]]
k = 1
[[rows.inner]]
m = 1
[[rows.inner]]
m = 2
[rows.inner.deep]
n = {}
[[rows]]
[server]
empty = []
'''


def paths_of(value, path=()):
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in entries:
        yield (*path, key)
        yield from paths_of(entry, (*path, key))


def test_nasty_document():
    found = locate(NASTY)
    assert set(found) == set(paths_of(tomllib.loads(NASTY)))
    assert found["title",] == (2, 1)
    assert found["raw",] == (6, 1)
    assert found["quoted . key",] == (8, 1)
    assert found["a", "b.c", "d"] == (9, 11)
    assert found["list", 1, 1] == (11, 10)
    assert found["list", 2, "y", "z"] == (12, 14)
    assert found["list", 2, "y", "z", 0, "w"] == (12, 22)
    assert found["server", "host name"] == (14, 1)
    assert found["rows", 0, "inner", 1, "m"] == (21, 1)
    assert found["rows", 0, "inner", 1, "deep", "n"] == (23, 1)
    assert found["rows", 1] == (24, 1)
    assert found["server",] == (25, 1)


class Writer:
    """Writes TOML and notes where it puts each key and element."""

    def __init__(self):
        self.text, self.places = "", {}

    def put(self, text):
        self.text += text

    def mark(self, path):
        self.places.setdefault(path, (self.text.count("\n") + 1, len(self.text) - self.text.rfind("\n")))

    def key(self, path):
        self.mark(path)
        name = path[-1]
        self.put(name if name.isalnum() and name.isascii() else '"' + name.replace('"', '\\"') + '"')

    def value(self, path, value, draw):
        if isinstance(value, dict):
            self.put("{ ")
            for index, (key, entry) in enumerate(value.items()):
                self.put(", " if index else "")
                self.key((*path, key))
                self.put(" = ")
                self.value((*path, key), entry, draw)
            self.put(" }")
        elif isinstance(value, list):
            self.put("[" + draw(GAPS))
            for entry in enumerate(value):
                self.mark((*path, entry[0]))
                self.value((*path, entry[0]), entry[1], draw)
                self.put(draw(GAPS) + "," + draw(GAPS))
            self.put("]")
        else:
            self.put(value)


KEYS = st.sampled_from(["a", "b", "c1", "x y", "d.e", "#", "[z]", "ä", 'q"', "="])
GAPS = st.sampled_from(["", " ", "\n", "\n  # ] , }\n  ", "\t"])
SCALARS = st.sampled_from(
    ["1", "-1.5", "true", '"s"', '"a \\" ] # b"', "'it is \\'", '"""\nm " \\""" ""\n"""', "'''x\n''y'''''",
     "07:32:00.5", "1979-05-27T07:32:00Z", "1979-05-27 07:32:00", '""', "''", '""""""', "1e-5", "0x1F"]
)  # fmt: skip
VALUES = st.recursive(SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(KEYS, v, max_size=3), max_leaves=8)
TABLES = st.dictionaries(KEYS, VALUES, max_size=4)


@given(st.data(), TABLES, st.dictionaries(KEYS, TABLES | st.lists(TABLES, min_size=1, max_size=3), max_size=4))
def test_made_documents(data, top, tables):
    writer = Writer()

    def assignments(path, table):
        for key, value in table.items():
            writer.put(data.draw(st.sampled_from(["", "  ", "\n", "# note = [\n"])))
            writer.key((*path, key))
            writer.put(" = ")
            writer.value((*path, key), value, data.draw)
            writer.put(" # end\n")

    assignments((), top)
    for name, content in tables.items():
        if name in top:
            continue
        for index, table in enumerate(content if isinstance(content, list) else [content]):
            is_array = isinstance(content, list)
            path = (name, index) if is_array else (name,)
            writer.mark((name,))
            writer.mark(path)
            quoted = '"' + name.replace('"', '\\"') + '"'
            writer.put(f"[[ {quoted} ]]\n" if is_array else f"[{quoted}]\n")
            assignments(path, table)
    assert set(paths_of(tomllib.loads(writer.text))) == set(writer.places)
    assert locate(writer.text) == writer.places


def test_deep_and_long_documents_end():
    assert len(locate("a = " + "[" * 50_000 + "]" * 50_000)) <= 64
    assert len(locate("a" + ".a" * 50_000 + " = 1")) <= 64
