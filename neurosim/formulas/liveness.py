"""Statements without those whose results are never used."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace

from neurosim.formulas import form
from neurosim.formulas.activity import assigned_names
from neurosim.formulas.form import Assign, For, If, Index, Name, Statement


def without_dead(
    statements: Sequence[Statement], live: set[str], behind_jumps: Set[str] = frozenset()
) -> tuple[list[Statement], set[str]]:
    """The statements that matter where the names in `live` are read afterwards, and what is read before them.

    What is written into rows always matters. In a loop, `behind_jumps` are the names that are read after ``break`` or
    ``continue``.
    """
    kept: list[Statement] = []
    for node in reversed(statements):
        match node:
            case Assign(targets=[Name(id=name)], value=value):
                if name not in live or value == Name(name):
                    continue
                live = live - {name} | _read(value)
            case If(test=test, body=body, orelse=orelse):
                first, one = without_dead(body, live, behind_jumps)
                second, two = without_dead(orelse, live, behind_jumps)
                if not first and not second:
                    continue
                node = replace(node, body=tuple(first), orelse=tuple(second))
                if not first:
                    node = replace(node, test=form.Unary("not", test), body=node.orelse, orelse=())
                live = one | two | _read(test)
            case For(name=name, bounds=bounds, body=body):
                around = set(live)
                while True:
                    rounds, before = without_dead(body, around, around)
                    if before <= around:
                        break
                    around |= before
                if not rounds and name not in live:
                    continue
                node = replace(node, body=tuple(rounds))
                live = (live | (before - {name})).union(*map(_read, bounds))
            case form.Sorted(name=name, row=row):
                if name not in live:
                    continue
                live = live - {name} | {row}
            case form.While():
                if not live & {name for name, _ in assigned_names([node])}:
                    continue
                live = live | _read(node)
            case form.Jump():
                live = live | behind_jumps
            case Assign(targets=[Index(row=row, index=index)], value=value):
                live = live | {row} | _read(index) | _read(value)
            case _:
                live = live | _read(node)
        kept.append(node)
    kept.reverse()
    return kept, live


def _read(node: form.Node) -> set[str]:
    found = set()
    for part in form.walk([node]):
        match part:
            case Name(id=name) | Index(row=name):
                found.add(name)
    return found
