"""Documents that are no TOML, or TOML that no scenario is, after the lists in the TOML 1.0 specification.

Most are a line that is put into a scenario which is right but for it.
"""

# A scenario that is right, for what is put into it to spoil.
GOOD = """\
[scenario]
name = "good"
title = "A good one"
seed = 7

[data]
source = "moons"
noise = 0.2

[network]
loss = "binary_cross_entropy"

[[network.layers]]
kind = "dense"
units = 1
activation = "sigmoid"

[optimizer]
name = "adam"
lr = 0.05

[training]
epochs = 4
"""

_CONTROLS = [*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F]
_STRINGS = [
    '"unclosed', "'unclosed", '"""unclosed', "'''unclosed", '"a"b"', "'a'b'", '"\\', '"\\"', '""""""" ', "'''''''",
    '"\\a"', '"\\x41"', '"\\ "', '"\\u"', '"\\u12"', '"\\u12G4"', '"\\U0010"', '"\\UFFFFFFFF"', '"\\U00110000"',
    '"\\uD800"', '"\\uDFFF"', '"\\U0000D800"', '"two\nlines"', "'two\nlines'", '"""\\  x"""', '"""\\u{41}"""', "bare",
    "'a' 'b'", '"a" + "b"', 'r"a"', "`a`", "\u201ca\u201d", '"a\\',
]  # fmt: skip
_NUMBERS = [
    "01", "-01", "+01", "00", "1__0", "_1", "1_", "0x", "0xG", "0X1", "0o8", "0O7", "0b2", "0B1", "+0x1", "-0b1",
    "0x_1", "1e", "1e+", "1E", "e1", ".5", "5.", "1.e5", ".", "-.5", "1._5", "1_.5", "1e_5", "1e5_", "1.2.3", "--1",
    "++1", "+-1", "1,5", "1 000", "0.0.0", "Inf", "NaN", "INF", "infinity", "+-inf", "1f", "0x1p3", "1L", "\uff11",
    "\u0661",
    "1e99999x", "5" * 5000, "-" + "5" * 5000, "0x" + "f" * 5000, "1e" + "9" * 5000, "0." + "1" * 5000 + ".1",
]  # fmt: skip
_DATES = [
    "2023-13-01", "2023-00-01", "2023-02-29", "2023-02-30", "2023-04-31", "2023-1-1", "23-01-01", "2023-01-01T",
    "2023-01-01T25:00:00", "2023-01-01T00:60:00", "2023-01-01T00:00:61", "2023-01-01T00:00",
    "2023-01-01T00:00:00+25:00", "2023-01-01T00:00:00+00:60", "2023-01-01T00:00:00.", "2023-01-01 T00:00:00",
    "24:00:00", "00:60:00", "00:00",
    "1:2:3", "00:00:00Z", "2023-01-01x", "99999-01-01", "-2023-01-01", "2023/01/01",
]  # fmt: skip
_BOOLEANS = [
    "True",
    "FALSE",
    "tru",
    "falsey",
    "yes",
    "on",
    "null",
    "nil",
    "None",
    "!",
    "@x",
    "$x",
    "%",
    "&a",
    "*a",
    "<<",
]
_ARRAYS = [
    "[", "[1", "[1,", "[,]", "[,1]", "[1,,2]", "[1 2]", "[1;2]", "[1]]", "]", "[[1]", "[1, 2", "[1, # ]", '["a]', "(1)",
    "{", "{a", "{a=", "{a=1", "{a=1,}", "{,}", "{a=1 b=2}", "{a=1,,b=2}", "{a=1\n}", "{a=1, a=2}", "{a.b=1, a=2}",
    "{a=1, a.b=2}", "{=1}", "{a 1}", "{a=1}}", "{'a'=1, \"a\"=2}",
]  # fmt: skip
_KEYS = [
    "", "=", "= 1", "a", "a =", "a = 1 b = 2", "a = 1, b = 2", "a b = 1", "a..b = 1", ".a = 1", "a. = 1", "a.b. = 1",
    '"a = 1', "'a = 1", '"""a""" = 1', "'''a''' = 1", '"\\q" = 1', '"a"b = 1', "a'b' = 1", "a\n= 1", "a =\n1", "é = 1",
    "\u03b1 = 1", "\U0001f40d = 1", "\u202e = 1", "e\u0301 = 1", "\u200b = 1", "a/b = 1", "a:b = 1", "a: 1", "-- x",
    "// x", "/* x */", "a = 1 // x", "a == 1", "a := 1", "a => 1", "a = = 1", "[a = 1", "{ a = 1 }",
]  # fmt: skip
_TABLES = [
    "[", "[]", "[ ]", "[a", "[a]]", "[[a]", "[[]]", "[[ ]]", "[a] b = 1", "[a]b", "[a..b]", "[.a]", "[a.]", "[a b]",
    "[a=b]", "[a#b]", "[a]\n[a]", "[a.b]\n[a]\nb = 1", "[a]\nb = 1\n[a.b]", "[[a]]\n[a]", "[a]\n[[a]]",
    "a = 1\n[x]\n[x]", "[x]\na.b = 1\n[x.a]", "[x]\na = {}\n[x.a]", "[x]\na = []\n[[x.a]]", "[x]\na = [{}]\n[[x.a]]",
    "[x]\na = {b = 1}\na.c = 2", "[x]\na.b = 1\na = 2", "[x]\na = 1\na.b = 2", "[x]\na = 1\na = 1",
    "[x]\n'a' = 1\n\"a\" = 2", "[[a]]\n[[a.b]]\n[a.b]", "[a.b.c]\n[a]\nb.c.d = 1", "[ [a] ]", "[a']", '["a]', "[\n]",
    "[a]\r[b]", "[training]", "[training.epochs]", "[scenario.name]", "[[training]]", "[data.source]", "[[network]]",
]  # fmt: skip
_BYTES = [
    b"\xff", b"\xfe\xff", b"\xc3", b"\xc3\x28", b"\xa0\xa1", b"\xe2\x82", b"\xe2\x28\xa1", b"\xf0\x28\x8c\x28",
    b"\xc0\x80", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\x80", b"\xef\xbb",
    b"\xef\xbf\xbe",
]  # fmt: skip


def documents():
    """Each document with a name that tells it, as bytes."""
    found = {}
    for kind, values in (
        ("string", _STRINGS), ("number", _NUMBERS), ("date", _DATES), ("boolean", _BOOLEANS), ("array", _ARRAYS),
    ):  # fmt: skip
        for index, value in enumerate(values):
            found[f"{kind}-{index}"] = _good_with(f"x = {value}")
    for kind, lines in (("key", _KEYS), ("table", _TABLES)):
        for index, line in enumerate(lines):
            found[f"{kind}-{index}"] = _good_with(line)
    for code in _CONTROLS:
        for place, line in (("string", '"a{}b"'), ("literal", "'a{}b'"), ("comment", "1 # a{}b"), ("bare", "1 {} ")):
            found[f"control-{place}-{code:02x}"] = _good_with("x = " + line.format(chr(code)))
    for index, wrong in enumerate(_BYTES):
        found[f"bytes-string-{index}"] = _good_with('x = "@"').replace(b"@", wrong)
        found[f"bytes-comment-{index}"] = _good_with("# @").replace(b"@", wrong)
    return found | _whole()


def _good_with(line):
    """A scenario that is right but for this line, the last one."""
    return (GOOD + line + "\n").encode()


def _whole():
    """Documents that are wrong as a whole."""
    good = GOOD.encode()
    deep = 5000
    return {
        "empty": b"",
        "blank": b" \n\t\n",
        "comment": b"# nothing",
        "nul": b"\0",
        "nuls": bytes(5000),
        "mark-only": b"\xef\xbb\xbf",
        "marks": b"\xef\xbb\xbf\xef\xbb\xbf" + good,
        "mark-inside": good.replace(b"[data]", b"\xef\xbb\xbf[data]"),
        "returns-only": good.replace(b"\n", b"\r"),
        "form-feeds": good.replace(b"\n", b"\x0c"),
        "line-separators": good.replace(b"\n", "\u2028".encode()),
        "next-lines": good.replace(b"\n", "\u0085".encode()),
        "utf-16-le": GOOD.encode("utf-16-le"),
        "utf-16-be": GOOD.encode("utf-16-be"),
        "utf-32": GOOD.encode("utf-32"),
        "utf-7": b"+AFs-scenario+AF0-",
        "latin-1": GOOD.replace("A good one", "Größe").encode("latin-1"),
        "json": b'{"scenario": {"name": "good"}}',
        "yaml": b"scenario:\n  name: good\n",
        "ini": b"[scenario]\nname: good\n",
        "html": b"<html><body>404</body></html>",
        "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
        "elf": b"\x7fELF\x02\x01\x01" + bytes(64),
        "pickle": b"\x80\x04cos\nsystem\n.",
        "half": good[: len(good) // 2],
        "twice": good + good,
        "backwards": good[::-1],
        "deep-arrays": good + b"x = " + b"[" * deep + b"]" * deep,
        "deep-open-arrays": good + b"x = " + b"[" * deep,
        "deep-tables": good + b"x = " + b"{a=" * deep + b"1" + b"}" * deep,
        "deep-open-tables": good + b"x = " + b"{a=" * deep,
        "deep-mixed": good + b"x = " + b"[{a=" * deep + b"1" + b"}]" * deep,
        "deep-key": good + b".".join([b"a"] * deep) + b" = 1",
        "deep-header": good + b"[" + b".".join([b"a"] * deep) + b"]",
        "deep-quoted-key": good + b".".join([b'"a"'] * deep) + b" = 1",
        "deep-spaced-key": good + b" . ".join([b"a"] * deep) + b" = 1",
        "deep-layers": good + b"".join(b"[[network.layers%s]]\nkind='group'\n" % (b".layers" * n) for n in range(60)),
        "many-keys": good + b"".join(b"x%d = 1\n" % n for n in range(40_000)),
        "many-headers": good + b"".join(b"[x%d]\n" % n for n in range(40_000)),
        "many-tables": good + b"[[variants]]\n" * 60_000,
        "many-layers": good + b"[[network.layers]]\n" * 40_000,
        "many-claims": good + b"[[claims]]\n" * 60_000,
        "many-values": good + b"x = [" + b"1," * 300_000 + b"]",
        "many-strings": good + b"x = [" + b"''," * 200_000 + b"]",
        "many-inline": good + b"x = [" + b"{}," * 200_000 + b"]",
        "long-string": good + b'x = "' + b"a" * 900_000 + b'"',
        "long-blanks": good + (b" " * 30_000 + b"\n") * 25,
        "long-commas": good + b"x = [" + b"," * 900_000,
        "long-braces": good + b"x = " + b"{" * 900_000,
        "long-dots": good + b"x" + b"." * 900_000,
        "long-brackets": good + b"[" * 900_000,
        "long-runs-of-digits": good + b"x = [" + (b"1" * 3999 + b",") * 200 + b"1" * 5000 + b"]",
        "long-line": good + b"x" * 900_000,
        "long-comment": good + b"#" * 900_000,
        "long-key": good + b"a" * 900_000 + b" = 1",
        "long-blank": good + b" " * 900_000 + b"x",
        "long-escapes": good + b'x = "' + b"\\\\" * 400_000 + b"\\",
        "long-quotes": good + b'x = """' + b'"' * 900_000,
        "long-number": good + b"x = " + b"1" * 900_000,
        "long-underscores": good + b"x = " + b"1_" * 400_000,
        "long-float": good + b"x = 0." + b"1" * 900_000 + b"e5",
        "long-date": good + b"x = 2023-01-01T00:00:00." + b"1" * 900_000,
        "over-a-mebibyte": good + b"#" * (1 << 20),
    }
