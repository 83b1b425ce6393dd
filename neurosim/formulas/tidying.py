"""Generated statements made easier to read: short names, and no name for what is used once, right away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from neurosim.formulas import form
from neurosim.formulas.activity import assigned_names
from neurosim.formulas.form import Assign, Binary, Choice, For, If, Index, Name, Statement, Unary
from neurosim.formulas.names import renamed
from neurosim.formulas.python import plain_text
from neurosim.formulas.terms import ZERO

# A line gets no longer by what is put into it.
LONGEST = 70


def tidied(statements: Sequence[Statement], wishes: Mapping[str, str], reserved: set[str]) -> list[Statement]:
    """The statements with what is used once put where it is used, and with shorter names.

    Parameters
    ----------
    statements : sequence of Statement
        Those of a function.
    wishes : mapping of str to str
        What names would best be called.
    reserved : set of str
        Names that must not be used.
    """
    changed = list(statements)
    while True:
        stored = Counter(name for name, _ in assigned_names(changed))
        read = Counter(_read(changed))
        once = {name for name, count in stored.items() if count == 1 and read[name] == 1 and name in wishes}
        shorter = _merged(_put_in(changed, once))
        if shorter == changed:
            break
        changed = shorter
    return _with_short_names(changed, wishes, reserved)


def _read(nodes: Sequence[form.Node]) -> Iterator[str]:
    for node in nodes:
        match node:
            case Assign(targets=[Name()], value=value):
                yield from _read([value])
                continue
            case Name(id=name) | Index(row=name):
                yield name
        yield from _read(list(form.parts(node)))


def _put_in(statements: Sequence[Statement], once: set[str]) -> list[Statement]:
    written: list[Statement] = []
    here: set[str] = set()  # of those, the names that have got their value in this block
    for node in statements:
        match node:
            case If(body=body, orelse=orelse):
                node = replace(node, body=tuple(_put_in(body, once)), orelse=tuple(_put_in(orelse, once)))
            case For(body=body):
                node = replace(node, body=tuple(_put_in(body, once)))
        place = len(written) - 1
        wanted = here & _at_top(node)
        # Backward through what lies between a value and its use; nothing there may change what it is made of.
        changed: set[str] = set()
        rows: set[str] = set()
        while place >= 0 and wanted:
            before = written[place]
            match before:
                case Assign(targets=[Name(id=name)], value=value) if name in wanted:
                    wanted.discard(name)
                    if not (changed & set(_read([value]))) and not rows & set(_read([value])):
                        put = _with(node, name, value)
                        if len(plain_text(_head(put))) <= LONGEST:
                            node = put
                            wanted |= here & set(_read([value]))
                            del written[place]
            changed |= {name for name, _ in assigned_names([before])}
            rows |= {
                target.row
                for part in form.walk([before])
                if isinstance(part, Assign)
                for target in part.targets
                if isinstance(target, Index)
            }
            place -= 1
        match node:
            case Assign(targets=[Name(id=name)]) if name in once:
                here.add(name)
        written.append(node)
    return written


def _merged(statements: Sequence[Statement]) -> list[Statement]:
    """Sums that start at 0 without the 0, and branches that give one name its value as a choice."""
    written: list[Statement] = []
    for node in statements:
        before = written[-1] if written else None
        match node:
            case If(test=test, body=body, orelse=orelse):
                match before:
                    case Assign(targets=[Name(id=name)], value=zero) if zero == ZERO and name not in _read([test]):
                        if name in _at_start(body) and name in _at_start(orelse):
                            written.pop()
                            body, orelse = (before, *body), (before, *orelse)
                node = replace(node, body=tuple(_merged(body)), orelse=tuple(_merged(orelse)))
                node = _choice(node)
            case For(body=body):
                node = replace(node, body=tuple(_merged(body)))
        match before, node:
            case (
                Assign(targets=[first], value=zero),
                Assign(targets=[second], value=Binary(operator="+" | "-" as sign, left=left, right=right)),
            ) if (
                zero == ZERO and first == second == left and isinstance(first, Name) and first.id not in _read([right])
            ):
                written.pop()
                node = Assign((second,), right if sign == "+" else Unary("-", right))
        written.append(node)
    return written


def _at_start(body: Sequence[Statement]) -> set[str]:
    """The name that some statements first add to."""
    match body:
        case [Assign(targets=[Name(id=name)], value=Binary(operator="+" | "-", left=left)), *_] if left == Name(name):
            return {name}
    return set()


def _choice(node: If) -> Statement:
    match node:
        case If(body=[Assign(targets=[Name() as one], value=x)], orelse=[Assign(targets=[Name() as other], value=y)]):
            if one == other:
                changed = Assign((one,), x if x == y else Choice(node.test, x, y))
                if len(plain_text(changed)) <= LONGEST:
                    return changed
    return node


def _at_top(node: Statement) -> set[str]:
    """Names that a statement reads once, before any statement in it."""
    match node:
        case Assign(targets=[Name()], value=value):
            return set(_read([value]))
        case Assign(targets=targets, value=value):
            return set(_read([*targets, value]))
        case If(test=test):
            return set(_read([test]))
        case For(bounds=bounds):
            return set(_read(bounds))
    return set()


def _with(node: Statement, name: str, value: form.Expression) -> Statement:
    new = {name: value}
    match node:
        case Assign(targets=[Name()], value=inner):
            return replace(node, value=renamed(inner, new))
        case Assign(targets=targets, value=inner):
            return replace(node, targets=tuple(renamed(t, new) for t in targets), value=renamed(inner, new))
        case If(test=test):
            return replace(node, test=renamed(test, new))
        case For(bounds=bounds):
            return replace(node, bounds=tuple(renamed(bound, new) for bound in bounds))
    return node


def _head(node: Statement) -> Statement:
    """A statement without what is in it."""
    match node:
        case If():
            return replace(node, body=(), orelse=())
        case For():
            return replace(node, body=())
    return node


def _with_short_names(
    statements: Sequence[Statement], wishes: Mapping[str, str], reserved: set[str]
) -> list[Statement]:
    names = dict.fromkeys(name for name, _ in _in_order(statements))
    taken = reserved | {name for name in names if name not in wishes}
    new: dict[str, str] = {}
    for name in names:
        if name not in wishes:
            continue
        wish = wishes[name]
        if wish.startswith("d_"):
            key = wish[2:]
            wish = f"d_{new.get(key, wishes.get(key, key))}"
        new[name] = _free(wish, taken)
    return [renamed(node, {name: Name(short) for name, short in new.items()}) for node in statements]


def _in_order(statements: Sequence[Statement]) -> Iterator[tuple[str, None]]:
    for node in form.walk(statements):
        match node:
            case Name(id=name) | For(name=name) | form.Sorted(name=name) | form.Zeros(name=name):
                yield name, None


def _free(wish: str, taken: set[str]) -> str:
    name, number = wish, 1
    base = wish.rstrip("0123456789")
    while name in taken:
        number += 1
        # t1, t2 and so on are ours; a number at the end of the author's name is the author's.
        name = f"{base if base in ('t', 'd_t') or base == wish else f'{wish}_'}{number}"
    taken.add(name)
    return name
