"""The ``neurosim`` command: its subcommands, and how every error becomes a message and an exit status."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from neurosim.cli.door import doors, echo
from neurosim.cli.ending import INTERRUPTED, Ending, farewell, kept_by
from neurosim.cli.streams import end_line
from neurosim.printable import shortened
from neurosim.process.reserve import make_room, reserve
from neurosim.version import __version__

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# Each module has its click command under the name `command`. The help texts are here so that
# ``neurosim --help`` loads none of the modules.
COMMANDS = {
    "run": "Train a scenario and show the results.",
    "play": "Train a scenario in the browser, on a page where everything can be changed.",
    "copy": "Copy a shipped scenario to a file that you can edit.",
    "explain": "Work through one training step with all its numbers, or turn it into homework.",
    "plot": "Draw pictures or films of a finished run, or of activations.",
    "report": "Put everything about a run, or several, on one page for the browser.",
    "doctor": "Say in plain English what is wrong with a run, and what to try.",
    "replay": "Go back to a step of a run, change one thing, and see both futures.",
    "predict": "Make predictions for new rows with a trained network.",
    "export": "Write a run's network as a script in NumPy, PyTorch or Keras, or as an ONNX file.",
    "import": "Make a scenario and a model of the network in an ONNX file.",
    "sweep": "Train a scenario with many settings and seeds; again, only what is missing.",
    "rank": "Rank finished runs: means over seeds, intervals, which differences are real.",
    "class": "Homework for a class: a worksheet and a seed for each student, and marks.",
    "compare": "Compare finished runs: settings, results and curves.",
    "verify": "Train a finished run again and say whether it is the same, bit for bit.",
    "list": "List scenarios, activations, losses, optimizers, data sets and more.",
    "glossary": "Explain a term, such as epoch or gradient, in plain sentences.",
    "info": "Show what a scenario's network is made of, or versions, threads and folders.",
    "plugins": "List plugins and whether they work; check one; start a new one.",
    "data": "List data sets, or download one.",
    "bench": "Measure training in plain Python, in NumPy and compiled, or on a GPU.",
    "schema": "Print the JSON Schema of scenario files, for editors.",
}
# Longest line of a message, in characters; it may name paths of 4096 characters.
LONGEST = 1000


class _EscapedError(Exception):
    """An error that click would treat in its own way."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.error = error


class LazyGroup(click.Group):
    """A group whose commands are imported only when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands, in the order of the help page."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"neurosim.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Commands and options that begin with what is typed; no command is imported for that."""
        from click.shell_completion import CompletionItem

        commands = [CompletionItem(name, help=about) for name, about in COMMANDS.items() if name.startswith(incomplete)]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]

    def invoke(self, ctx: click.Context) -> Any:
        """As click does it, except that errors which click would handle itself get past it."""
        try:
            return super().invoke(ctx)
        except (EOFError, BrokenPipeError, KeyboardInterrupt, SystemExit) as error:
            raise _EscapedError(error) from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, suggesting the nearest command for a misspelled one."""
        if args and args[0] in COMMANDS and not {"-h", "--help"} & set(args):
            from neurosim.backends.surroundings import check_address_space, check_core_type

            check_address_space()
            check_core_type()
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from neurosim.cli.suggesting import unknown_command

            raise click.UsageError(unknown_command(ctx, args), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands and what they do."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", prog_name="neurosim")
@click.option(
    "--debug", is_flag=True, expose_value=False, help="Show the traceback of an error; works with every command."
)
def application() -> None:
    """A laboratory bench for how neural networks learn.

    \b
    neurosim run and              the first lesson; each one names the next
    neurosim list scenarios       all of them, in the order of the course
    neurosim run xor --seed 3     the same network with other initial weights
    neurosim report last --open   the report of the newest run
    neurosim COMMAND --help       what a command can do
    """


def execute(arguments: list[str], *, helper_processes: bool = False, ending: Ending | None = None) -> int:
    """Run the command line; returns the exit status.

    `helper_processes` allows commands to start processes that save time; `ending` knows whether the process was asked
    to end.

    0 done; 1 unexpected; 2 invalid usage, scenario or plugin; 3 files and data; 4 training diverged;
    5 an expectation was missed, or bits differ; 130 interrupted.
    """
    instruction = os.environ.get("_NEUROSIM_COMPLETE")
    if instruction:
        from neurosim.cli.shells import answer

        return answer(application, instruction)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    with doors(), warnings.catch_warnings(), _quiet_about_memory(debug=debug):
        warnings.showwarning = _show_warning
        try:
            options = {"helper processes": helper_processes, "debug": debug}
            with reserve():
                outcome: Any = application.main(arguments, prog_name="neurosim", standalone_mode=False, obj=options)
            sys.stdout.flush()
            return outcome if isinstance(outcome, int) else 0
        except (Exception, KeyboardInterrupt) as error:
            make_room(error)
            if isinstance(error, click.NoSuchOption):
                from neurosim.cli.suggesting import unknown_option

                error = unknown_option(error, arguments)
            return _report(error.error if isinstance(error, _EscapedError) else error, ending, debug=debug)


@contextlib.contextmanager
def _quiet_about_memory(*, debug: bool) -> Iterator[None]:
    """Inside this, a MemoryError that C code can only ignore is not printed: the caller of that code will fail too."""
    shown = sys.unraisablehook

    def show(unraisable: Any) -> None:
        if debug or not isinstance(unraisable.exc_value, MemoryError):
            shown(unraisable)

    sys.unraisablehook = show
    try:
        yield
    finally:
        sys.unraisablehook = shown


def _report(error: BaseException, ending: Ending | None, *, debug: bool) -> int:
    """Say what happened on standard error; returns the exit status."""
    if isinstance(error, KeyboardInterrupt):
        end_line(again=bool(error.args))
    if debug:
        import traceback

        traceback.print_exception(error)
    # Libraries may turn an interruption into errors of their own.
    if isinstance(error, KeyboardInterrupt | click.Abort) or (ending is not None and ending.asked):
        if ending is None:
            click.echo(farewell(kept_by(error)), err=True)
        else:
            sys.stderr.flush()
            ending.say(kept_by(error), line_ended=True)
        return INTERRUPTED
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    from neurosim.cli.failures import failure_of

    failure = failure_of(error)
    # Undecodable bytes in names are escaped.
    message, hint = (text.encode(errors="backslashreplace").decode() for text in (failure.message, failure.hint))
    message = "\n".join(shortened(line, LONGEST) for line in message.split("\n"))
    echo(f"Error: {message}", fg="red", err=True)
    if hint:
        # Never shortened: half a command is useless, or a different one.
        click.echo(f"Hint: {hint}", err=True)
    return failure.code


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    echo(f"Warning: {message}", fg="yellow", err=True)
