"""What a plugin gives: its hooks are found, checked and called."""

from __future__ import annotations

import inspect
import linecache
import re
from collections.abc import Callable, Iterator
from typing import Any

import pluggy

from neurosim.formulas.source import LOADED_SOURCE
from neurosim.plugin import (
    Activation,
    Dataset,
    FeedbackSchedule,
    Gate,
    Initializer,
    Loss,
    Metric,
    Optimizer,
    RowActivation,
    RunObserver,
    Schedule,
    hookspecs,
)
from neurosim.suggestions import did_you_mean

# What each hook returns, under the name that `neurosim list` and the registry use for it.
HOOKS: dict[str, tuple[str, tuple[type, ...]]] = {
    "activations": ("neurosim_activations", (Activation, RowActivation)),
    "gates": ("neurosim_gates", (Gate,)),
    "losses": ("neurosim_losses", (Loss,)),
    "optimizers": ("neurosim_optimizers", (Optimizer,)),
    "initializers": ("neurosim_initializers", (Initializer,)),
    "schedules": ("neurosim_schedules", (Schedule, FeedbackSchedule)),
    "metrics": ("neurosim_metrics", (Metric,)),
    "observers": ("neurosim_observers", (RunObserver,)),
    "datasets": ("neurosim_datasets", (Dataset,)),
}
_NAMES = [hook for hook, _ in HOOKS.values()]
_DEF = re.compile(r"\s*(async\s+)?def\b")


class HookError(Exception):
    """Something is wrong with a hook; `file` and `line` say where it is defined, if that is known."""

    def __init__(self, message: str, hook: object = None) -> None:
        super().__init__(message)
        self.file, self.line = definition(hook)


def records(plugin: object) -> list[tuple[str, Any]]:
    """All records of a plugin, with the name of the catalog each belongs in.

    Parameters
    ----------
    plugin : module or object
        Whatever has the hooks as its attributes.

    Raises
    ------
    HookError
        When a hook is misspelled, not marked, or does not return what it has to.
    BaseException
        Whatever a hook raises.
    """
    manager = pluggy.PluginManager("neurosim")
    manager.add_hookspecs(hookspecs)
    _check(plugin, manager)
    manager.register(plugin)
    manager.check_pending()
    found = []
    for what, (name, _) in HOOKS.items():
        given: set[str] = set()
        for implementation in getattr(manager.hook, name).get_hookimpls():
            for record in _call(name, implementation.function):
                if record.name in given:
                    what_twice = f"{name} gives {record.kind} {record.name!r} twice: call one of them something else"
                    raise HookError(what_twice, implementation.function)
                given.add(record.name)
                found.append((what, record))
    return found


def _check(plugin: object, manager: pluggy.PluginManager) -> None:
    """Raise HookError unless all that looks like a hook is one, and there is one."""
    any_marked = False
    for name in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, name)
        if options is None:
            if name in _NAMES and callable(getattr(plugin, name)):
                what = f"{name} is not marked with @hookimpl: write that in the line above it"
                raise HookError(what, getattr(plugin, name))
            continue
        any_marked = True
        function, hook = getattr(plugin, name), options.get("specname") or name
        if hook not in _NAMES:
            if not hook.startswith("neurosim"):
                what = f"@hookimpl marks {hook}, which is no hook: it belongs above {_such_a_hook()}"
                raise HookError(what, function)
            raise HookError(f"unknown hook {hook!r}; {_near(hook)}", function)
        if options.get("wrapper") or options.get("hookwrapper"):
            raise HookError(f"{hook} must be a plain hook that returns a list, not a wrapper", function)
        arguments = ", ".join(inspect.signature(function).parameters)
        if arguments:
            raise HookError(f"{hook} takes no arguments, not ({arguments})", function)
    if not any_marked:
        raise _nothing_given(plugin)


def _nothing_given(plugin: object) -> HookError:
    for name in dir(plugin):
        if name.startswith("neurosim_") and did_you_mean(name, _NAMES):
            function = getattr(plugin, name)
            if inspect.isroutine(function):
                return HookError(f"{name} is no hook and not marked with @hookimpl; {_near(name)}", function)
    return HookError(f"provides nothing: it needs {_such_a_hook()}, with @hookimpl in the line above it")


def _such_a_hook() -> str:
    return f"a function such as {_NAMES[0]}() that returns a list of records"


def _near(name: str) -> str:
    return did_you_mean(name, _NAMES) or f"hooks: {', '.join(_NAMES)}"


def _call(name: str, function: Callable[[], Any]) -> Iterator[Any]:
    """The records that one hook returns, checked."""
    # Called here and not by pluggy, which leaves out what returns None.
    found = function()
    if not isinstance(found, list | tuple):
        if inspect.isgenerator(found) or inspect.iscoroutine(found):
            found.close()
        raise HookError(f"{name} must return a list of records, {_instead(found)}", function)
    for record in found:
        if not isinstance(record, _types(name)):
            wanted = " or ".join(kind.__name__ for kind in _types(name))
            others = [hook for hook in _NAMES if isinstance(record, _types(hook))]
            place = f"; return it from {others[0]}" if others else _as_record(record, _types(name)[0].__name__)
            raise HookError(f"{name} must return {wanted} records, not {_kind(record)}{place}", function)
        yield record


def _types(hook: str) -> tuple[type, ...]:
    return next(types for name, types in HOOKS.values() if name == hook)


def _as_record(value: object, kind: str) -> str:
    """What to write in place of a function, or of what a record is made of."""
    if inspect.isfunction(value):
        return f': write {kind}("{value.__name__}", {value.__name__})'
    return f": write {kind}(...)" if isinstance(value, tuple | type) else ""


def _kind(value: object) -> str:
    if inspect.isfunction(value):
        return f"the function {value.__name__}"
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def _instead(found: object) -> str:
    """What a hook returned instead of a list, and what to write."""
    if found is None:
        return "not None: a return is missing"
    if inspect.isgenerator(found):
        return "not a generator: write return [...] in place of yield"
    if inspect.iscoroutine(found):
        return "not a coroutine: leave out async"
    if any(isinstance(found, types) for _, types in HOOKS.values()):
        return f"not one {_kind(found)}: put it in [ ]"
    return f"not {_kind(found)}: put records in [ ]"


def definition(function: object) -> tuple[str, int]:
    """File and line of the ``def`` of a function, below its decorators; line 0 where it has none."""
    code = getattr(inspect.unwrap(function) if callable(function) else None, "__code__", None)
    if code is None:
        return "", 0
    text = getattr(function, "__globals__", {}).get(LOADED_SOURCE)
    lines = linecache.getlines(code.co_filename) if text is None else text.splitlines()
    for number, line in enumerate(lines[code.co_firstlineno - 1 :], code.co_firstlineno):
        if _DEF.match(line):
            return code.co_filename, number
    return code.co_filename, code.co_firstlineno
