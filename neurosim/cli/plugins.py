"""``neurosim plugins``: list plugins with their health, check one, start a new one."""

from __future__ import annotations

import importlib
from pathlib import Path

import click

from neurosim.cli.options import JSON, PLUGIN, PLUGINS_DIR, FilePath, offered, print_json
from neurosim.printable import quoted
from neurosim.suggestions import did_you_mean

_GIVEN = "neurosim.cli.plugins"
FAILED = 2
_COMMANDS = {"check": "Check a plugin, or something that it provides.", "new": "Write a plugin to start from."}


class PluginsGroup(click.Group):
    """The group, with ``new`` imported only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands, in the order of the help page."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name == "new":
            command: click.Command = importlib.import_module("neurosim.cli.plugins_new").command
            return command
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands and what they do."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, suggesting the nearest command for a misspelled one."""
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            hint = did_you_mean(args[0], known) or f"to check it: neurosim plugins check {quoted(args[0])}"
            raise click.UsageError(f'no command "{args[0]}"; {hint}', ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=PluginsGroup, invoke_without_command=True)
@PLUGIN
@PLUGINS_DIR
@JSON
@click.pass_context
def command(ctx: click.Context, plugins: tuple[Path, ...], plugin_folders: tuple[Path, ...], as_json: bool) -> None:
    """List plugins: what each provides, and whether it works."""
    if ctx.invoked_subcommand is not None:
        ctx.meta[_GIVEN] = plugins, plugin_folders, as_json
        return
    from neurosim.cli.plugin_lists import describe_plugins, load_plugins, print_plugins

    described = describe_plugins(load_plugins(plugins, plugin_folders))
    if as_json:
        print_json({"plugins": described})
    else:
        print_plugins(described)


@command.command("check")
@click.argument(
    "what", required=False, type=FilePath(path_type=str), metavar="NAME|FILE", shell_complete=offered("plugins")
)
@PLUGIN
@PLUGINS_DIR
@click.option(
    "--out",
    type=FilePath(file_okay=False),
    default=Path("plugin-check"),
    show_default=True,
    metavar="DIR",
    help="Folder for pictures of activations.",
)
@click.option(
    "--set",
    "data_settings",
    multiple=True,
    metavar="data.OPTION=VALUE",
    help="An option of a data set, such as data.file=my.csv; can be given several times.",
)
@click.option("--no-picture", is_flag=True, help="Draw no pictures.")
@JSON
@click.pass_context
def check_command(
    ctx: click.Context,
    what: str | None,
    plugins: tuple[Path, ...],
    plugin_folders: tuple[Path, ...],
    out: Path,
    data_settings: tuple[str, ...],
    no_picture: bool,
    as_json: bool,
) -> int:
    """Check a plugin: the NAME of one, or of something that it provides, or a FILE.

    Derivatives are compared with finite differences, compiled code with the plain functions, and more.
    The exit status is 0 when nothing failed, else 2.
    """
    if what is None:
        raise click.UsageError(
            "which plugin? Try: neurosim plugins check my.py  (or a name; all of them: neurosim plugins)"
        )
    from neurosim.cli.plugin_checks import check_chosen, choose_records, data_options, print_checks

    more_files, more_folders, json_before = ctx.meta.get(_GIVEN, ((), (), False))
    as_json = as_json or json_before
    chosen = choose_records(what, (*more_files, *plugins), (*more_folders, *plugin_folders))
    checked = check_chosen(chosen, None if no_picture else out, data_options(data_settings))
    if as_json:
        print_json(checked.as_json())
    else:
        print_checks(checked, what)
    return 0 if checked.passed else FAILED
