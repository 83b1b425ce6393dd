"""Whatever a run that was killed has left, each command that takes a run works or says what to type, and that works.

Runs of every kind are killed before each change of their files. Then each command is tried on what is left; the
commands that its error suggests are taken from the text and typed, and those that theirs suggest, until one succeeds.
"""

import contextlib
import re
import shlex
import shutil
from pathlib import Path

import pytest
from commands import call, fault_of
from forks import begin, end_of
from sizes import sizes
from small_runs import VARIANTS, checkpointed

REFERENCE = ["--backend", "reference"]
KINDS = {
    "single": ["run", "tiny.toml", *REFERENCE],
    "study": ["run", "study.toml", *REFERENCE],
    "seeds": ["run", "tiny.toml", "--seeds", "2", *REFERENCE],
    "replay": ["replay", "other", "--from", "epoch:1", "--set", "optimizer.lr=0.5"],
}
COMMANDS = [
    ["plot", "R"],
    ["report", "R"],
    ["doctor", "R", "--no-trials"],
    ["compare", "R", "other", "--out", "compared"],
    ["replay", "R", "--from", "0", "--out", "replayed"],
    ["predict", "R", "--data", "points.csv"],
    ["run", "--resume", "R"],
    ["run", "R", "--out", "again"],
    ["explain", "R"],
    ["info", "R"],
]
# A command stands in a sentence up to two blanks, or its end.
SUGGESTED = re.compile(r"neurosim ((?:run|report|plot|doctor|compare|replay|predict|explain|info) .*?)(?=  |\n|$|; )")
# Another folder for the same command.
OTHER = re.compile(r"Name one of them, such as (\S+)\.")
DONE = (0, 5)
MOST = 200
# In the short test, which needs only one of the states.
STRIDE = 16


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the scenarios, rows to predict, and a finished run."""
    folder = tmp_path_factory.mktemp("dead-ends")
    tiny = checkpointed("tiny", epochs=3, pictures='["learning_curves"]')
    (folder / "tiny.toml").write_text(tiny)
    (folder / "study.toml").write_text(tiny + VARIANTS)
    (folder / "points.csv").write_text("x1,x2\n0,1\n")
    with contextlib.chdir(folder):
        done = call([*KINDS["single"], "--out", "other"])
        assert done.code == 0, done.err
    return folder


def names_in(folder):
    """What is there, without the random part of temporary names."""
    paths = (str(path.relative_to(folder)) for path in folder.rglob("*"))
    return tuple(sorted(re.sub(r"[^.]{8}\.neurosim-tmp", "tmp", path) for path in paths))


def states(kind, folder, keep, stride):
    """Copies of what is left where a run is killed at each `stride`-th change, no two of the same names."""
    seen = {}
    for kill in range(1, MOST, stride):
        shutil.rmtree(folder / "R", ignore_errors=True)
        code = end_of(begin([*KINDS[kind], "--out", "R"], kill))
        if code != -9:
            assert code in DONE, f"{kind}, kill {kill}: exit status {code}"
            return list(seen.values())
        left = names_in(folder / "R")
        if left not in seen:
            seen[left] = keep / f"{kind}-{kill}"
            if (folder / "R").exists():
                shutil.copytree(folder / "R", seen[left])
    raise AssertionError(f"{kind} changes more than {MOST} files")


def suggestions(kind, text, words):
    """The commands in what `words` has said, with something in place of what stands for it."""
    scenario = "study.toml" if kind == "study" else "tiny.toml"
    meant = {"SCENARIO": scenario, "N": "1", "DIR": "new"}
    others = [[other if word == "R" else word for word in words] for other in OTHER.findall(text)]
    return [*others, *([meant.get(word, word) for word in shlex.split(found)] for found in SUGGESTED.findall(text))]


def put(state):
    """Bring the folder to a state again."""
    for name in ("R", "compared", "replayed", "again", "new"):
        shutil.rmtree(name, ignore_errors=True)
    if state.exists():
        shutil.copytree(state, "R")


class Typed:
    """Commands typed at states of a run of one kind; each only once."""

    def __init__(self, kind):
        self.kind = kind
        self._known = {}

    def at(self, words, state):
        """What a command says of a state, and the state that it leaves."""
        key = (*words, state)
        if key not in self._known:
            put(state)
            done = call(words)
            after = state.with_name(f"{state.name}+{len(self._known)}")
            if Path("R").exists():
                shutil.copytree("R", after)
            self._known[key] = done, after
        return self._known[key]

    def dead_end(self, words, state, path=()):
        """What is wrong with what is said of a command, and with what that suggests; empty where nothing is."""
        way = " > ".join(" ".join(step) for step in (*path, words))
        if words in path:
            return f"goes in a circle: {way}"
        done, after = self.at(words, state)
        fault = fault_of(done, (*DONE, 2, 3))
        if fault:
            return f"{way}: {fault}"
        found = suggestions(self.kind, done.err, words)
        if done.code not in DONE and not found and (path or (state / "scenario.toml").exists()):
            return f"nothing is suggested, or it does not work: {way}: {done.err}"
        for typed in found:
            fault = self.dead_end(typed, after, (*path, words))
            if fault:
                return fault
            if done.code not in DONE and "--resume" in typed:
                # Once that is done the command works, or there is another reason why it does not.
                again, _ = self.at(words, self.at(typed, after)[1])
                if again.code not in DONE and again.err == done.err:
                    return f"{way} > {' '.join(typed)} changes nothing: {again.err}"
        return ""


@pytest.mark.parametrize("kind", KINDS)
@sizes(short=1, full=MOST, ci=True)
def test_what_a_killed_run_has_left_leads_on(kind, count, place, tmp_path, monkeypatch):
    monkeypatch.chdir(place)
    found = states(kind, place, tmp_path, 1 if count == MOST else STRIDE)
    # Evenly: some before the first checkpoint, some after the last file of the training.
    chosen = found if count >= len(found) else [found[len(found) * (2 * k + 1) // (2 * count)] for k in range(count)]
    wrong = []
    typed = Typed(kind)
    for state in chosen:
        for words in [*COMMANDS, [*KINDS[kind], "--out", "R"]]:
            fault = typed.dead_end(words, state)
            if fault:
                wrong.append(f"{state.name} {names_in(state)}\n   {fault}")
    assert not wrong, "\n".join(wrong)
    print(f"{kind}: {len(chosen)} of {len(found)} states, {len(COMMANDS) + 1} commands each: every suggestion works")
