"""Formulas of plugins with something wrong, as by a slipping hand: importable as ``plugin_mutants``."""

import re
import warnings

_TOP = "import math\n\nfrom neurosim import Activation, Loss, Optimizer, RowActivation, hookimpl\n\n"


def _plugin(kind, formulas, record):
    return _TOP, formulas.lstrip("\n"), f"\n\n@hookimpl\ndef neurosim_{kind}():\n    return [{record}]\n"


# What works, in three parts, of which the second is changed.
PLUGINS = {
    "a number": _plugin(
        "activations",
        """
def f(z, beta):
    if z > 1.0:
        return z / (1.0 + beta * abs(z))
    return 0.5 * z + math.tanh(z)
""",
        'Activation("x", f, params={"beta": 1.0})',
    ),
    "a series": _plugin(
        "activations",
        """
def f(z):
    x = math.tanh(z)
    power = x
    total = 0.0
    for k in range(6):
        total += power / (2 * k + 1)
        power = power * x ** 2
    return total
""",
        'Activation("x", f)',
    ),
    "a root": _plugin(
        "activations",
        """
def f(z):
    x = 1.0 + abs(z)
    rounds = 0
    while abs(x * x - 1.0 - abs(z)) > 0.001:
        x = 0.5 * (x + (1.0 + abs(z)) / x)
        rounds += 1
        if rounds > 20:
            break
    return x


def df(z, a):
    return 0.5 / a if z > 0.0 else -0.5 / a
""",
        'Activation("x", f, df, surrogate=True)',
    ),
    "a table": _plugin(
        "activations",
        """
TABLE = (0.0, 0.25, 0.75, 1.0)


def f(z):
    place = min(max(int(z + 2.0), 0), 3)
    return TABLE[place] + 0.1 * z
""",
        'Activation("x", f)',
    ),
    "a row": _plugin(
        "activations",
        """
def f(z, a, eps):
    total = 0.0
    for k in range(len(z)):
        a[k] = z[k] * z[k] + eps
        total += a[k]
    for k in range(len(z)):
        a[k] = a[k] / total


def b(z, a, da, dz, eps):
    total = 0.0
    weighted = 0.0
    for k in range(len(z)):
        total += z[k] * z[k] + eps
        weighted += a[k] * da[k]
    for k in range(len(z)):
        dz[k] = 2.0 * z[k] / total * (da[k] - weighted)
""",
        'RowActivation("x", f, b, params={"eps": 0.01}, surrogate=True)',
    ),
    "neighbors": _plugin(
        "activations",
        """
def mean(z, i, j):
    return (z[i] + z[j]) / 2.0


def f(z, a):
    n = len(z)
    for k in range(n):
        a[k] = mean(z, k, (k + 1) % n)
    a[n - 1] = z[0] - z[n // 2]


def b(z, a, da, dz):
    for k in range(len(z)):
        dz[k] = da[k]
""",
        'RowActivation("x", f, b, surrogate=True)',
    ),
    "a sorted row": _plugin(
        "activations",
        """
def f(z, a):
    for k in range(len(z)):
        a[k] = z[k]
    for i in range(1, len(a)):
        x = a[i]
        j = i
        while j > 0:
            if a[j - 1] <= x:
                break
            a[j] = a[j - 1]
            j -= 1
        a[j] = x


def b(z, a, da, dz):
    for k in range(len(z)):
        dz[k] = da[k]
""",
        'RowActivation("x", f, b, surrogate=True)',
    ),
    "swaps": _plugin(
        "activations",
        """
def f(z, a):
    s = sorted(z)
    for k, v in enumerate(s):
        a[k] = v - sum(z) / len(z)
    for k in range(len(a) // 2):
        a[k], a[len(a) - 1 - k] = a[len(a) - 1 - k], a[k]


def b(z, a, da, dz):
    for k in range(len(z)):
        dz[k] = da[k]
""",
        'RowActivation("x", f, b, surrogate=True)',
    ),
    "a loss": _plugin(
        "losses",
        """
def v(a, y):
    total = 0.0
    for k in range(len(a)):
        e = abs(a[k] - y[k])
        total += e + math.log1p(math.exp(-2.0 * e))
    return total / len(a)
""",
        'Loss("x", v)',
    ),
    "a loss of classes": _plugin(
        "losses",
        """
def v(a, y):
    total = 0.0
    for k in range(len(a)):
        e = a[k] - 1.0 if k == y else a[k]
        total += e * e
    return total


def g(a, y, da):
    for k in range(len(a)):
        da[k] = 2.0 * a[k]
    da[y] = 2.0 * (a[y] - 1.0)
""",
        'Loss("x", v, g, targets="classes", surrogate=True)',
    ),
    "an optimizer": _plugin(
        "optimizers",
        """
def u(w, g, m, s, t, lr, beta):
    m = beta * m + (1.0 - beta) * g
    s = max(beta * s, abs(g))
    return w - lr / (1.0 - beta**t) * m / (s + 1e-8), m, s
""",
        'Optimizer("x", u, slots=("m", "s"), params={"lr": 0.01, "beta": 0.9})',
    ),
}
_NUMBERS = ("0", "1", "-1", "2", "3", "7", "100000000", "9223372036854775807", "0.0", "0.5", "-2.0", "1e30", "1e400")
_OPERATORS = ("+", "-", "*", "/", "//", "%", "**")
_TOKEN = re.compile(
    r"(?P<number>\b\d+\.?\d*(?:e-?\d+)?\b)|(?P<name>\b(?!def|return|for|in|if|else|while|break|import|and|or|math\b)[a-z]\w*\b(?![(.]))"
    r"|(?P<sign>//|\*\*|[-+*/%](?!=))|(?P<compared><=|>=|==|[<>])|(?P<index>\[[^][]*\])"
)


def settings_of(plugin):
    """The settings that make a scenario use one of `PLUGINS`."""
    hook = plugin[2]
    if "activations" in hook:
        return ["network.layers.0.activation=x"]
    return ["network.loss=x"] if "losses" in hook else ["optimizer.name=x"]


def mutant(plugin, chance):
    """The text of a plugin with one to three changes, drawn from `chance`; Python can read it."""
    top, formulas, hook = plugin
    while True:
        changed = formulas
        for _ in range(chance.choice((1, 1, 2, 3))):
            changed = chance.choice((_token, _token, _token, _token, _line))(changed, chance)
        text = top + changed + hook
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                compile(text, "mutant.py", "exec")
        except (SyntaxError, SyntaxWarning):
            continue
        return text


def _token(text, chance):
    found = list(_TOKEN.finditer(text))
    token = chance.choice(found)
    old = token.group()
    names = sorted({part.group() for part in found if part.lastgroup == "name"})
    match token.lastgroup:
        case "number":
            new = chance.choice(_NUMBERS)
        case "name":
            new = chance.choice((*names, f"({old} + 1)", f"({old} - 1)", f"int(1000.0 * {old})", *_NUMBERS[:4]))
        case "sign":
            new = chance.choice(_OPERATORS)
        case "compared":
            new = chance.choice(("<", "<=", ">", ">=", "==", "!="))
        case _:
            new = chance.choice(("[0]", "[-1]", "[1]", "[len(z)]", f"[{old[1:-1]} + 1]", f"[2 * ({old[1:-1]})]", ""))
    return text[: token.start()] + new + text[token.end() :]


def _line(text, chance):
    lines = text.splitlines(keepends=True)
    place = chance.randrange(1, len(lines))
    line = lines[place]
    indent = line[: len(line) - len(line.lstrip())]
    new = chance.choice(
        (
            "",
            line + line,
            *(f"{indent}{head}:\n    {line}" for head in ("while True", "for again in range(100000000)", "if z > 0.0")),
            f"{indent}for again in range(int(1e9 * z)):\n    {line}",
            line.replace("if ", "while "),
            line.replace("for k in range", "for j in range"),
            line[4:] if len(indent) > 4 else line,
            f"{indent}return\n",
        )
    )
    return "".join([*lines[:place], new, *lines[place + 1 :]])
