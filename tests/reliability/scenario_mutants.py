"""Shipped scenarios with something wrong: of the text, as by a slipping hand or a damaged disk, or of the values."""

import copy
import random
import re
import tomllib

import tomli_w

from neurosim.scenario import shipped

# What may stand in place of a value, as TOML or nearly so.
TOKENS = (
    "0", "-0", "-1", "1", "2", "9999999", "2147483647", "2147483648", "4294967296", "9223372036854775807",
    "9223372036854775808", "-9223372036854775809", "1" + "0" * 400, "0x" + "f" * 900, "0b1111", "0o777", "007", "1__0",
    "0.0", "-0.0", "1e-320", "1e-45", "3.5e38", "1e308", "-1e308", "1e999", "nan", "-nan", "inf", "-inf", "+inf", ".5",
    "5.", "1e", "0.1.2", "true", "false", "True", "null", "", "''", '""', '"x"', '"."', '".."', '"/dev/zero"', '"-"',
    '"' + "long" * 5000 + '"', '"\\u0000"', '"\\u202e txet"', '"e\\u0301"', '"\U0001f40d"', '"\\uFFFF"', '"\\ud800"',
    '"\\x00"', '"unclosed', '"""open', '"\t\x7f"', '"\x1b[31m"', '"{0} %s ${HOME}"', '"builtin:relu"', '"a:b:c"',
    "[]", "{}", "[[]]", "[{}]", "[1, 'x']", "[1,,2]", "[1, 2", "{ a = 1, }", "{ name = 'relu', name = 'relu' }",
    "{ name = 'elu', alpha = nan }", "{ name = 1 }", "{ at_least = 'x' }", "[" * 40 + "]" * 40, "[" * 400 + "]" * 400,
    "{a=" * 30 + "1" + "}" * 30, "1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", "2023-02-30", "1_000", "+99",
)  # fmt: skip
# Lines that may come in between.
LINES = (
    "[scenario]", "[[scenario]]", "[data]", "[network]", "[[network]]", "[[network.layers]]", "[network.layers]",
    "[[network.layers.layers]]", "[optimizer.schedule]", "[training]", "[expect]", "[[variants]]", "[[claims]]",
    "[record]", "[plots]", "[requires]", "[x]", "[]", "[[]]", "[.]", "[a.]", "= 1", "a", "a =", "a = 1 b = 2",
    "scenario.seed = 1", "network = 1", "name = 'twice'\nname = 'twice'", "units.x = 1", "kind = 'group'", "repeat = 0",
    "repeat = 1000000", "units = 1000000000", "batch_size = 1000000000", "kernel = [1, 2, 3]", "weight = [[1e39]]",
    "bias = [nan]", "repeats = 1000000000", "epochs = 1000000000000000", "every = 1e-9", "samples = 1000000000000",
    "validation_fraction = 0.999999", "test_fraction = 1", "standardize = true", "'' = 1", '"\\u0000" = 1', "é = 1",
    "\u202e = 1", "\0", "\r", "\ufeff", "\x0b", "# \x01", "plugins = ['x @ file:///etc/passwd']", "file = '/dev/zero'",
    "pictures = []", "quantities = []", "\"training.epochs\" = 1", "\"network.layers.99\" = 1",
)  # fmt: skip
# Values of other types and sizes.
VALUES = (
    None, True, False, 0, 1, -1, 2, 3, 7, 1000, 10**6, 10**9, 2**31, 2**63 - 1, -(2**63), 2**63, 10**40, 0.0, -0.0,
    0.5, 1.0, 1e-12, 1e-45, 1e-320, 1e39, 1e300, -1e300, float("nan"), float("inf"), -float("inf"), "", "x",
    "dense", "group", "relu", "softmax", "csv", "mnist", "a" * 4000, "\0", "\x1b[", "\u202ex", "e\u0301", "\U0001f40d",
    "../../x",
    "[", "{}", [], {}, [[]], [1], ["x"], [1, "x", {}], [[1.0, 2.0], [3.0]], {"name": "relu"}, {"name": "x"},
    {"x": {"y": []}}, {"at_least": 1}, {"name": "leaky_relu", "alpha": -1e9},
)  # fmt: skip

_VALUE = re.compile(r"(?<==)[ \t]*([^\s\[{#][^\n#,}\]]*)")


def mutant(number):
    """The scenario of this number: the shipped one that it is made of, and what has become of it, as bytes."""
    chance = random.Random(number)
    name, path = chance.choice(sorted(shipped().items()))
    text = path.read_text(encoding="utf-8")
    changes = chance.choice((1, 1, 1, 2, 3))
    if chance.random() < 0.4:
        return name, _changed_text(text, changes, chance)
    tree = tomllib.loads(text)
    for _ in range(changes):
        chance.choice(_OF_VALUES)(tree, chance)
    return name, tomli_w.dumps(_writable(tree)).encode("utf-8", "surrogatepass")


# Of the text.


def _changed_text(text, changes, chance):
    kinds = (_flip, _cut, _drop_line, _repeat_line, _move_line, _token, _token, _token, _line, _line)
    content = text.encode()
    for _ in range(changes):
        content = chance.choice(kinds)(content, chance)
    return content


def _flip(content, chance):
    flipped = bytearray(content)
    for _ in range(chance.choice((1, 1, 5))):
        if flipped:
            flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def _cut(content, chance):
    return content[: chance.randrange(len(content) + 1)]


def _on_lines(change):
    def changed(content, chance):
        lines = content.split(b"\n")
        change(lines, chance.randrange(len(lines)), chance)
        return b"\n".join(lines)

    return changed


@_on_lines
def _drop_line(lines, place, chance):
    del lines[place]


@_on_lines
def _repeat_line(lines, place, chance):
    lines[place:place] = [lines[place]] * chance.choice((1, 1, 2, 50))


@_on_lines
def _move_line(lines, place, chance):
    lines.insert(chance.randrange(len(lines)), lines.pop(place))


@_on_lines
def _line(lines, place, chance):
    lines.insert(place, chance.choice(LINES).encode())


def _token(content, chance):
    text = content.decode("utf-8", "replace")
    found = list(_VALUE.finditer(text))
    if not found:
        return content
    start, end = chance.choice(found).span(1)
    return (text[:start] + chance.choice(TOKENS) + text[end:]).encode()


# Of the values.


def _places(value, holder=None, key=None):
    """Each value with what holds it, and its key or place in there."""
    if holder is not None:
        yield holder, key
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for inner, entry in list(entries):
        yield from _places(entry, value, inner)


def _pick(tree, chance, kinds=object):
    places = [(holder, key) for holder, key in _places(tree) if isinstance(holder[key], kinds)]
    return chance.choice(places) if places else None


def _replace(tree, chance):
    place = _pick(tree, chance)
    if place:
        place[0][place[1]] = copy.deepcopy(chance.choice(VALUES))


def _scale(tree, chance):
    place = _pick(tree, chance, (int, float))
    if place:
        holder, key = place
        factor = chance.choice((-1, 1)) * 10 ** chance.randrange(1, 25)
        holder[key] = holder[key] * factor if chance.random() < 0.5 else holder[key] / factor


def _nudge(tree, chance):
    """Another number that may well be meant."""
    place = _pick(tree, chance, (int, float))
    if place:
        holder, key = place
        holder[key] = chance.choice((0, 1, 2, 3, holder[key] + 1, holder[key] - 1, 2 * holder[key], holder[key] / 2))


def _rename(tree, chance):
    place = _pick(tree, chance)
    if place and isinstance(place[0], dict):
        holder, key = place
        holder[chance.choice((key + "s", key[:-1], key.upper(), "", "name", "x.y", "\u202e" + key))] = holder.pop(key)


def _drop(tree, chance):
    place = _pick(tree, chance)
    if place:
        del place[0][place[1]]


def _empty(tree, chance):
    place = _pick(tree, chance, (list, dict))
    if place:
        place[0][place[1]].clear()


def _multiply(tree, chance):
    place = _pick(tree, chance, list)
    if place:
        holder, key = place
        holder[key] = copy.deepcopy(holder[key]) * chance.choice((2, 3, 200))


_OF_VALUES = (_replace, _replace, _replace, _scale, _scale, _nudge, _nudge, _nudge, _rename, _drop, _empty, _multiply)


def _writable(value):
    """Without None, which TOML does not have."""
    if isinstance(value, dict):
        return {str(key): _writable(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, list):
        return [_writable(entry) for entry in value if entry is not None]
    return value
