"""Suggestions for a command line that click cannot read.

Loaded only when there is such an error.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

import click

from neurosim.cli.completion import first_scenario
from neurosim.printable import quoted
from neurosim.scenario import architectures, by_name
from neurosim.scenario.keys import Key, find_key
from neurosim.scenario.run_folders import LAST, SCENARIO

# Names that other programs use for such commands.
_OTHER_COMMANDS = {
    "continue": "run --resume",
    "diagnose": "doctor",
    "download": "data fetch",
    "draw": "plot",
    "evaluate": "predict",
    "fetch": "data fetch",
    "fit": "run",
    "help": "--help",
    "learn": "run",
    "ls": "list",
    "resume": "run --resume",
    "show": "plot",
    "test": "predict",
    "train": "run",
    "version": "--version",
    "worksheet": "explain",
}
_OF_RUNS = ("run --resume", "doctor", "plot")
_SETTINGS = "settings"
# The choices of a boolean key.
_SWITCH = ("true", "false")


def unknown_command(root: click.Context, words: Sequence[str]) -> str:
    """What to say about a command line that begins with `words`, the first of which is not a command."""
    word, rest = words[0], [part for part in words[1:] if part not in ("-h", "--help")]
    meant = _meant(word, rest, root)
    return f'no command "{word}"; {meant}'


def _meant(word: str, rest: list[str], root: click.Context) -> str:
    from neurosim.cli.list import KINDS

    commands = _commands(root)

    listed = _command("list", word)
    if word in architectures():
        return f"to see its layers: {_command('info', word)}"
    if word in by_name() or word.endswith(".toml"):
        more = f"  (or, to see which there are: {listed})" if word in KINDS else ""
        return f"to train it: {_command('run', *_as_run([word, *rest], root))}{more}"
    if (Path(word) / SCENARIO).is_file() or word == LAST:
        return f"to see that run: {_command('report', word)}  or  {_command('plot', word)}"
    if word == "help" and rest[:1] and rest[0] in commands:
        return f"did you mean: {_command(*rest, '--help')}"
    if word in _OTHER_COMMANDS:
        other = _OTHER_COMMANDS[word]
        if other in _OF_RUNS:
            rest = rest or [LAST]
        return f"did you mean: {_command(*other.split(), *(_as_run(rest, root) if other == 'run' else rest))}"
    if word in KINDS:
        return f"did you mean: {listed}"
    from neurosim.report.glossary import find

    if find(" ".join(words := [word, *rest])) is not None:
        return f"to have it explained: {_command('glossary', *words)}"
    near = difflib.get_close_matches(word, [*commands, *by_name()], n=1, cutoff=0.6)
    if near and near[0] in architectures():
        return f"did you mean: {_command('info', near[0])}"
    if near and near[0] not in commands:
        return f"did you mean: {_command('run', *_as_run([near[0], *rest], root))}"
    if near:
        return f'did you mean "{near[0]}"?'
    return "commands: " + ", ".join(commands)


def _command(*words: str) -> str:
    return " ".join(["neurosim", *map(quoted, words)])


def _commands(root: click.Context) -> list[str]:
    """The names of all commands of the program, whose context is `root`."""
    assert isinstance(root.command, click.Group)
    return root.command.list_commands(root)


def _as_run(words: list[str], root: click.Context) -> list[str]:
    """A command line as ``neurosim run`` takes it."""
    assert isinstance(root.command, click.Group)
    run = root.command.get_command(root, "run")
    return words if run is None else _with_settings(run, words)


def unknown_option(error: click.NoSuchOption, arguments: Sequence[str]) -> click.UsageError:
    """The error with a suggestion: a setting of the scenario, or an option of the command."""
    context = error.ctx
    if context is None:
        return error
    name = _as_typed(error.option_name, arguments)
    if context.parent is None:
        return click.UsageError(_before_command(name, list(arguments), context), context)
    words = list(arguments[_depth(context) :])
    own = _long_options(context.command)
    word = name.strip("-")
    if f"--{word}" in own:
        return click.UsageError(f"no option {name}; did you mean --{word}, with two hyphens?", context)
    near = difflib.get_close_matches(f"--{word}", own, n=1, cutoff=0.8)
    if not near and _has_settings(context.command):
        changed = _with_settings(context.command, words)
        if changed != words:
            path = context.command_path.removeprefix("neurosim ").split()
            meant = _command(*path, *changed)
            return click.UsageError(
                f"no option {name}; settings of a scenario are changed with --set: {meant}", context
            )
    hint = f"did you mean {near[0]}?" if near else f"{context.command_path} --help  lists its options"
    return click.UsageError(f"no option {name}; {hint}", context)


def _as_typed(name: str, arguments: Sequence[str]) -> str:
    """The option as it was typed: for ``-seed`` click complains about ``-s``."""
    for argument in arguments:
        typed = argument.partition("=")[0]
        if typed == name or (len(name) == 2 and typed.startswith(name) and not typed.startswith("--")):
            return typed
    return name


def _depth(context: click.Context) -> int:
    """How many words of the command line make up the command's name."""
    return len(context.command_path.split()) - 1


def _before_command(name: str, arguments: list[str], root: click.Context) -> str:
    commands = _commands(root)
    near = difflib.get_close_matches(
        f"--{name.strip('-').lower()}", ("--version", "--debug", "--help"), n=1, cutoff=0.7
    )
    if near or name == "-V":
        return f"no option {name}; did you mean {near[0] if near else '--version'}?"
    place = next((place for place, word in enumerate(arguments) if word in commands), None)
    if place is None:
        return f"no option {name} here: options follow a command, as in  neurosim run xor --seed 3"
    moved = [*arguments[place + 1 :], *arguments[:place]]
    if arguments[place] == "run":
        moved = _as_run(moved, root)
    return f"options follow the command: {_command(arguments[place], *moved)}"


def _long_options(command: click.Command) -> list[str]:
    return [text for option in _options(command) for text in option.opts if text.startswith("--")]


def _options(command: click.Command) -> list[click.Option]:
    return [parameter for parameter in command.params if isinstance(parameter, click.Option)]


def _has_settings(command: click.Command) -> bool:
    return any(option.name == _SETTINGS for option in _options(command))


def _with_settings(command: click.Command, words: list[str]) -> list[str]:
    """The words with unknown options that are keys of the scenario replaced by ``--set KEY=VALUE``."""
    valued = {text: not option.is_flag for option in _options(command) for text in option.opts}
    given: list[str] = []
    strange: list[tuple[int, int, str, str]] = []
    place = 0
    while place < len(words):
        name, equals, value = words[place].partition("=")
        begin, place = place, place + 1
        if not name.startswith("-") or name == "-":
            given.append(words[begin])
        elif name in valued or name in ("-h", "--help"):
            place += valued.get(name, False) and not equals
        else:
            if not equals and place < len(words) and _is_value(words[place]):
                value, place = words[place], place + 1
            strange.append((begin, place, name.strip("-"), value))
    changed, end = [], 0
    # An unknown flag's value may look like a scenario, and vice versa: the first word counts.
    tree = first_scenario(given)
    for begin, after, name, value in strange:
        setting = _setting(name, value, tree)
        if setting:
            changed += [*words[end:begin], "--set", setting]
            end = after
    if changed and not given and "SCENARIO" in command.collect_usage_pieces(click.Context(command))[-1]:
        changed.insert(0, "SCENARIO")
    return [*changed, *words[end:]]


def _is_value(word: str) -> bool:
    return not word.startswith("-") or word[1:2].isdigit() or word[1:2] == "."


def _setting(name: str, value: str, tree: dict[str, object]) -> str:
    """``KEY=VALUE``, or empty if no key is meant."""
    from neurosim.plugin.host import build_registry

    registry = build_registry()
    key = find_key(name.removeprefix("no-"), tree, registry)
    if key is None:
        return ""
    if name.startswith("no-"):
        if key.choices != _SWITCH:
            return ""
        value = value or "false"
    return f"{key.path}={value or _example(key)}"


def _example(key: Key) -> str:
    return "true" if key.choices == _SWITCH else "VALUE"


def forgotten_set(words: Sequence[str]) -> str | None:
    """What to say if one of the scenarios is a setting that lacks ``--set``; None if none is."""
    strange = [word for word in words if "=" in word and not Path(word).exists()]
    if not strange:
        return None
    scenarios = [word for word in words if word not in strange]
    settings = [part for word in strange for part in ("--set", word)]
    return f"{strange[0]} is not a scenario; a setting has --set before it: {_command('run', *scenarios, *settings)}"
