"""Completion in bash, zsh and fish: click's, with words that go on behind ``=`` and ``/``.

``_NEUROSIM_COMPLETE=bash_source neurosim`` prints what a shell reads at its start, and what that defines calls
``neurosim`` again, with ``bash_complete``, at each press of TAB.
"""

from __future__ import annotations

import os
import re
import shlex

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    shell_complete,
)

from neurosim.cli.completion import OPEN
from neurosim.printable import headline, printable

# Letters that mean something to bash.
_MEANS_MORE, _BACKSLASHED = re.compile(r"[^\w@%+=:,./~-]"), r"\\\g<0>"
VARIABLE = "_NEUROSIM_COMPLETE"
SHELLS = ("bash", "zsh", "fish")

_BASH = """\
%(complete_func)s() {
    local IFS=$'\\n'
    local response completion type value
    response=$(env COMP_LINE="${COMP_LINE:0:$COMP_POINT}" COMP_BREAKS="$COMP_WORDBREAKS" \
%(complete_var)s=bash_complete "$1")
    for completion in $response; do
        type=${completion%%%%,*}
        value=${completion#*,}
        case $type in
            dir) COMPREPLY=(); compopt -o dirnames ;;
            file) COMPREPLY=(); compopt -o default ;;
            open) compopt -o nospace; COMPREPLY+=("$value") ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done
    return 0
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""

_ZSH = """\
#compdef %(prog_name)s

%(complete_func)s() {
    local -a words_found words_described words_open response
    local type key description
    (( ! $+commands[%(prog_name)s] )) && return 1
    response=("${(@f)$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) \
%(complete_var)s=zsh_complete %(prog_name)s)}")
    for type key description in ${response}; do
        if [[ "$type" == "plain" ]]; then
            if [[ "$description" == "_" ]]; then
                words_found+=("$key")
            else
                words_described+=("$key:$description")
            fi
        elif [[ "$type" == "open" ]]; then
            words_open+=("$key")
        elif [[ "$type" == "dir" ]]; then
            _path_files -/
        elif [[ "$type" == "file" ]]; then
            _path_files -f
        fi
    done
    if [ -n "$words_described" ]; then
        _describe -V unsorted words_described -U
    fi
    if [ -n "$words_found" ]; then
        compadd -U -V unsorted -a words_found
    fi
    if [ -n "$words_open" ]; then
        compadd -U -S '' -V unfinished -a words_open
    fi
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""


class _Shown(ShellComplete):
    """What is offered is shown: words from anybody's files that cannot be shown as they are get left out."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """The words, each with what is said of it in one line."""
        found = super().get_completions(args, incomplete)
        shown = [item for item in found if printable(item.value) == item.value and "\n" not in item.value]
        for item in shown:
            item.help = headline(item.help) if item.help else item.help
        return shown


class _Bash(_Shown, BashComplete):
    """Bash cuts words at ``=`` and ``:``, and takes only what stands behind the cut."""

    source_template = _BASH
    _cut = 0

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one that is typed, and that one, uncut."""
        line = os.environ["COMP_LINE"]
        found = _split(line)
        incomplete = "" if not line or line[-1].isspace() else found.pop()
        # What is completed behind --set= has no --set= before it.
        own = _own(incomplete)
        breaks = os.environ.get("COMP_BREAKS", "=:")
        self._cut = max((own.rfind(mark) + 1 for mark in "=:" if mark in breaks), default=0)
        return found[1:], incomplete

    def format_completion(self, item: CompletionItem[str]) -> str:
        """``type,word`` on a line; the word goes to the command line as it is, so nothing in it may mean more."""
        return f"{item.type},{_MEANS_MORE.sub(_BACKSLASHED, item.value[self._cut :])}"


class _Zsh(_Shown, ZshComplete):
    source_template = _ZSH

    def complete(self) -> str:
        """The words, with what stands before ``=`` of an option."""
        args, incomplete = self.get_completion_args()
        return "\n".join(self.format_completion(item) for item in _whole(self, args, incomplete))


class _Fish(_Shown, FishComplete):
    def complete(self) -> str:
        """The words, with what stands before ``=`` of an option; fish knows itself which of them go on."""
        args, incomplete = self.get_completion_args()
        found = _whole(self, args, incomplete)
        plain = [CompletionItem(item.value, "plain" if item.type == OPEN else item.type, item.help) for item in found]
        return "\n".join(self.format_completion(item) for item in plain)


def _split(line: str) -> list[str]:
    """Words of a line that need not be complete: a quotation may be open."""
    words = shlex.shlex(line, posix=True)
    words.whitespace_split = True
    words.commenters = ""
    found: list[str] = []
    try:
        found.extend(words)
    except ValueError:
        found.append(words.token)
    return found


def _own(incomplete: str) -> str:
    """What is completed of a word: behind the first ``=`` where it begins with an option."""
    return incomplete.partition("=")[2] if incomplete.startswith("--") else incomplete


def _whole(shell: ShellComplete, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
    before = incomplete.removesuffix(_own(incomplete)) if "=" in incomplete else ""
    found = shell.get_completions(args, incomplete)
    return [CompletionItem(f"{before}{item.value}", item.type, item.help) for item in found]


def answer(application: click.Command, instruction: str) -> int:
    """Do what the variable asks for, such as ``bash_source``; returns the exit status."""
    for name, kind in zip(SHELLS, (_Bash, _Zsh, _Fish), strict=True):
        add_completion_class(kind, name)
    status = shell_complete(application, {}, "neurosim", VARIABLE, instruction)
    if status:
        known = ", ".join(f"{shell}_source" for shell in SHELLS)
        click.echo(f'Error: {VARIABLE}="{instruction}" asks for nothing that is there; there are {known}', err=True)
    return status
