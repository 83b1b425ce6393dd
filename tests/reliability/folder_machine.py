"""A state machine over one folder, and what must hold after each of its steps; importable as ``folder_machine``.

The one promise: every number that is shown belongs to the scenario, the data and the plugins that lie beside it. What
a command shows of a folder is compared with what an undisturbed run of these very texts gives.
"""

import json
import re
import shlex
import shutil
import signal
from dataclasses import dataclass, field, replace

from folder_world import (
    EPOCHS,
    KINDS,
    LRS,
    PICTURES,
    PLUGIN_SLOPES,
    SEEDS,
    TABLES,
    WITH_PLUGIN,
    Begun,
    Settings,
    done_and_drawn,
    fork_words,
    left_in,
    network,
    snapshot,
    without_pictures,
    without_times,
    write_world,
)
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

FOLDERS = ("one", "two")
# With these a command has done what it should: 4 and 5 are of a run that diverged or missed what it promised.
DONE = (0, 4, 5)
REFUSED = (2, 3)
KILLED = -signal.SIGKILL
INTERRUPTED = 130
FAULTS = ("Traceback", "Error: unexpected", "bug in neurosim")
# Of what --force shows where something has changed.
MIXED = "not all of this belongs together"
names = st.sampled_from(FOLDERS)
forces = st.sampled_from((False, False, False, True))
# The signal that a command gets before one of the changes that it makes to files; most get none.
backends = st.sampled_from(("reference", "reference", "cpu"))
many = st.sampled_from((0, 0, 0, 2))
signals = st.sampled_from((signal.SIGKILL, signal.SIGKILL, signal.SIGINT))
stops = st.one_of(st.none(), st.tuples(signals, st.integers(1, 30)))
# What only reads makes few.
early_stops = st.one_of(st.none(), st.none(), st.tuples(signals, st.integers(1, 6)))
changes = st.one_of(
    st.sampled_from(KINDS).map(lambda kind: {"kind": kind}),
    st.sampled_from(LRS).map(lambda lr: {"lr": lr}),
    st.sampled_from(SEEDS).map(lambda seed: {"seed": seed}),
    st.sampled_from(EPOCHS).map(lambda epochs: {"epochs": epochs}),
    st.booleans().map(lambda bent: {"bent": bent}),
)


@dataclass
class Folder:
    """What the folder of a run may hold.

    Attributes
    ----------
    begun : set of Begun or None
        What was begun there; several where a command was stopped that may have begun another run; None is nothing.
    ended : bool
        Whether it is known to have come to its end.
    forced : bool
        Whether it was gone on with by ``--force``: of what its numbers are is no longer told by one scenario.
    edited : dict
        What its own scenario was changed to since.
    """

    begun: set = field(default_factory=lambda: {None})
    ended: bool = False
    forced: bool = False
    edited: dict = field(default_factory=dict)


class FolderMachine(RuleBasedStateMachine):
    """Commands, kills and edits in one folder; a subclass says which ``forks``, ``truths``, ``home`` and ``count``."""

    forks = truths = home = count = None
    worlds = 0

    def __init__(self):
        super().__init__()
        type(self).worlds += 1
        self.place = self.home / f"world-{self.worlds}"
        self.place.mkdir()
        self.settings, self.rows, self.plugin = Settings(), 0, 0
        self.there = {name: Folder() for name in FOLDERS}
        self.refused, self.hints = 0, []
        self.write()

    def teardown(self):
        shutil.rmtree(self.place)

    def write(self):
        write_world(self.place, self.settings, self.rows, self.plugin)

    def some(self, name):
        """This folder, or the other one where it is not there."""
        other = FOLDERS[name == FOLDERS[0]]
        return name if (self.place / name).exists() or not (self.place / other).exists() else other

    def some_run(self):
        return any((self.place / name).exists() for name in FOLDERS)

    @initialize(change=changes, name=names, backend=backends, seeds=many, stop=stops)
    def begin(self, change, name, backend, seeds, stop):
        self.edit_scenario(change)
        self.start(name, backend, seeds, report=False, stop=stop)

    # The world beside the runs.

    @rule(change=changes)
    def edit_scenario(self, change):
        self.edit(settings=replace(self.settings, **change))

    @rule(rows=st.sampled_from(range(len(TABLES))))
    def edit_data(self, rows):
        self.edit(rows=rows)

    @precondition(lambda self: self.settings.bent)
    @rule(plugin=st.sampled_from(range(len(PLUGIN_SLOPES))))
    def edit_plugin(self, plugin):
        self.edit(plugin=plugin)

    def edit(self, **to):
        self.count["steps"] += any(getattr(self, name) != value for name, value in to.items())
        vars(self).update(to)
        self.write()

    @precondition(some_run)
    @rule(name=names, lr=st.sampled_from(LRS[:2]))
    def edit_scenario_of_a_run(self, name, lr):
        name = self.some(name)
        path = self.place / name / "scenario.toml"
        if path.is_file():
            path.write_text(re.sub(r"(?m)^lr = .*$", f"lr = {lr}", path.read_text()))
            self.there[name].edited = {"lr": lr}
            self.count["steps"] += 1

    @precondition(some_run)
    @rule(name=names, carried=st.booleans())
    def remove_or_rename(self, name, carried):
        name = self.some(name)
        other = FOLDERS[name == FOLDERS[0]]
        if not carried:
            shutil.rmtree(self.place / name)
        elif (self.place / other).exists():
            return
        else:
            (self.place / name).rename(self.place / other)
            self.there[other] = self.there[name]
        self.there[name] = Folder()
        self.count["steps"] += 1

    # What holds for every command.

    def command(self, words, stop=None):
        """Run a command; gives its outcome, whether it was stopped, and words that tell both."""
        self.count["steps"] += 1
        before = snapshot(self.place)
        number, at = stop or (0, 0)
        done = self.forks.run(self.place, [*words, *WITH_PLUGIN], signal=number, at=at)
        how = f"  # signal {int(number)} before change {at}" if stop else ""
        told = f"neurosim {shlex.join(done.words)}{how}\nexit status {done.code}\n{done.err[-1500:]}"
        stopped = bool(stop) and done.code == {signal.SIGKILL: KILLED, signal.SIGINT: INTERRUPTED}[number]
        self.count["kills"] += done.code == KILLED
        self.count["interrupts"] += done.code == INTERRUPTED
        assert done.code in (*DONE, *REFUSED) or stopped, told
        assert not any(fault in done.err + done.out for fault in FAULTS), told
        if done.code in REFUSED:
            self.count["refusals"] += 1
            fault = difference(snapshot(self.place), before)
            assert not fault, f"refused, and yet something was written: {fault}\n{told}"
            self.refused += 1
            self.hints = [(hint, told) for hint in suggested(done.err)]
        return done, stopped, told

    @invariant()
    def follow(self):
        """Do what an error has suggested, now and then."""
        hints, self.hints = self.hints, []
        for words, told in hints if self.refused % 3 == 0 else []:
            self.count["hints"] += 1
            self.follow_one(words, told)
        self.hints = []

    def follow_one(self, words, told):
        places = [name for name in FOLDERS if name in {word.partition("/")[0] for word in words}]
        if words[0] == "run" and "--resume" in words:
            (name,) = places
            certain = self.known(self.there[name]) and not self.there[name].ended
            done = self.go_on(name, words, named=False, stop=None)
            assert "is finished" not in done.err, f"suggested, and there is nothing left to do: {done}\nby {told}"
            assert not certain or done.code in DONE, f"suggested, and yet refused: {done}\nby {told}"
            return
        words = [{"DIR": "hinted", "N": "1"}.get(word, word) for word in words]
        words += ["--out", "hinted"] * ("--out" not in words)
        certain = bool(places) and self.known(self.there[places[0]])
        done, _, _ = self.command(words)
        shutil.rmtree(self.place / "hinted", ignore_errors=True)
        assert not certain or done.code in DONE, f"suggested, and yet refused: {done}\nby {told}"

    # Which run a folder holds.

    def now(self, folder, settings=None):
        """The runs that a folder may hold if its numbers belong to what lies beside it now.

        That is its own scenario, or the `settings` of the one that is named to go on with it.
        """
        found = set()
        for begun in folder.begun - {None}:
            own = begun.edited(**folder.edited) if settings is None else replace(begun, settings=settings)
            found.add(own.with_what_lies_beside(self.rows, self.plugin))
        return found

    def known(self, folder):
        """Whether it is certain what a folder holds, and nothing beside it has changed since."""
        certain = len(folder.begun) == 1 and None not in folder.begun and not folder.forced
        return certain and self.now(folder) == folder.begun

    def note_begun(self, name, begun, done, stopped, told):
        """Hold what one of `begun` has left, as it was to be begun in a folder, against the undisturbed run."""
        folder = self.there[name]
        if stopped:
            folder.ended = False
            # Only what was there before may be there, too.
            folder.begun |= begun
            if folder.begun - begun == {None} and (self.place / name / "scenario.toml").is_file():
                folder.begun -= {None}
        elif done.code in DONE:
            assert not folder.ended, f"a finished run was written over: {told}"
            self.there[name] = Folder(begun, ended=True)
            self.check_left(name, begun, told)

    def check_left(self, name, candidates, told):
        """What a run has left that came to its end is what one of these leaves; afterwards it is known which."""
        left, faults = left_in(self.place / name), []
        for begun in candidates:
            fault = difference(left, self.truths.left(begun))
            if not fault:
                self.there[name].begun = {begun}
                return
            faults.append(f"{begun}: {fault}")
        raise AssertionError("\n".join(["it has left what none of these runs does:", *faults, told]))

    # Training.

    @rule(
        name=names,
        backend=backends,
        seeds=many,
        report=st.sampled_from((False, False, True)),
        stop=stops,
    )
    def start(self, name, backend, seeds, report, stop):
        if seeds and (self.settings.kind == "variants" or backend == "cpu"):
            seeds = 0
        begun = Begun(self.settings, self.rows, 0, backend, seeds, report).with_what_lies_beside(self.rows, self.plugin)
        new = not (self.place / name).exists()
        done, stopped, told = self.command([*begun.words, "--out", name, "--json"], stop)
        assert not (new and done.code in REFUSED), f"refused, and nothing is there: {told}"
        self.note_begun(name, {begun}, done, stopped, told)

    @precondition(some_run)
    @rule(name=names, named=st.booleans(), force=forces, report=st.sampled_from((False, False, True)), stop=stops)
    def resume(self, name, named, force, report, stop):
        name = self.some(name)
        words = ["run", *(["scenario.toml"] * named), "--resume", name, *(["--force"] * force)]
        self.go_on(name, words + ["--no-report"] * (not report), named=named, stop=stop)

    def go_on(self, name, words, *, named, stop):
        folder = self.there[name]
        done, stopped, told = self.command([*words, "--json"], stop)
        now = self.now(folder, self.settings if named else None)
        if "--force" in words and (done.code in DONE or stopped):
            folder.forced = True
        if folder.forced:
            return done
        same = self.known(folder) and now == folder.begun
        if stopped:
            folder.begun |= now
            folder.ended = False
            # The scenario that was named may have taken the place of the one that was edited.
            own = self.place / name / "scenario.toml"
            if folder.edited and f"lr = {folder.edited['lr']}\n" not in own.read_text():
                folder.edited = {}
        elif done.code in DONE:
            if "Unchanged it would diverge again" not in done.err:
                self.check_left(name, now, told)
                folder.ended, folder.edited = True, {}
        elif same and not (named and any(begun.fork for begun in now)):
            assert done.code == 3, f"nothing has changed, and yet it is refused: {told}"
            assert folder.ended or "is finished" in done.err, f"it cannot be gone on with: {told}"
        return done

    @precondition(some_run)
    @rule(name=names, epoch=st.integers(0, 2), lr=st.sampled_from((None, *LRS[:2])), stop=stops)
    def replay(self, name, epoch, lr, stop):
        name = self.some(name)
        other = FOLDERS[name == FOLDERS[0]]
        folder = self.there[name]
        done, stopped, told = self.command(["replay", name, *fork_words((epoch, lr)), "--out", other, "--json"], stop)
        without_pictures(self.place / other)
        if folder.forced or any(begun.fork for begun in folder.begun - {None}):
            # Of what that is a replay is not told.
            if stopped or done.code in DONE:
                self.there[other].forced = True
            return
        forks = {replace(begun, fork=(epoch, lr)) for begun in self.now(folder)}
        self.note_begun(other, forks, done, stopped, told)

    # Reading.

    @precondition(some_run)
    @rule(name=names, picture=st.sampled_from(("learning_curves", "decision_boundary")), force=forces, stop=early_stops)
    def plot(self, name, picture, force, stop):
        several = any(begun.several for begun in self.there[self.some(name)].begun - {None})
        self.read("plot", name, [*(["--only", picture] * (not several)), "--out", PICTURES], force, stop)

    @precondition(some_run)
    @rule(name=names, force=forces, stop=early_stops)
    def report(self, name, force, stop):
        self.read("report", name, ["--out", PICTURES], force, stop)

    @precondition(some_run)
    @rule(name=names, trials=st.sampled_from((False, False, False, True)), force=forces, stop=early_stops)
    def doctor(self, name, trials, force, stop):
        words = [] if trials else ["--no-trials"]
        self.read("doctor", name, [*words, "--out", PICTURES, "--json"], force, stop)

    @precondition(some_run)
    @rule(name=names, force=forces, stop=early_stops)
    def predict(self, name, force, stop):
        self.read("predict", name, ["--data", "new.csv", "--json", "--backend", "reference"], force, stop)

    def read(self, verb, name, words, force, stop):
        """A command that reads a run; what it shows must be what it shows of an undisturbed one."""
        name = self.some(name)
        folder = self.there[name]
        done, stopped, told = self.command([verb, name, *words, *(["--force"] * force)], stop)
        _, drawn = done_and_drawn(done, self.place)
        if force and done.code == 0 and self.changed(folder, verb):
            assert MIXED in done.out + done.err, f"forced, and it does not say that it mixes: {told}"
        if folder.forced or force or stopped:
            return
        words = [verb, "run", *words, *WITH_PLUGIN]
        if done.code == 0:
            # A model is read alone: the rows that it learned from need not be there any more.
            may_be = folder.begun - {None} if verb == "predict" else self.now(folder)
            self.check_said(done, drawn, words, name, may_be, told)
        elif self.known(folder) and folder.ended:
            said, _ = self.truths.said(*folder.begun, words)
            assert said.code == done.code, f"nothing has changed, and yet it is refused: {told}"

    def changed(self, folder, verb):
        """Whether it is certain that a command reads a run beside which something has changed."""
        if len(folder.begun) != 1 or None in folder.begun or folder.forced or not folder.ended:
            return False
        (was,), (now,) = folder.begun, self.now(folder)
        return was.plugin != now.plugin if verb == "predict" else was != now

    def check_said(self, done, drawn, words, name, candidates, told):
        faults = []
        for begun in candidates:
            said, pictures = self.truths.said(begun, words)
            fault = difference(shown_by(done, name), shown_by(said, "run")) or difference(drawn, pictures)
            if not fault:
                return
            faults.append(f"{begun}: {fault}")
        raise AssertionError("\n".join(["it shows what is shown of none of these runs:", *faults, told]))

    @precondition(some_run)
    @rule(several=st.permutations(FOLDERS), stop=early_stops)
    def compare(self, several, stop):
        done, _, told = self.command(["compare", *several, "--out", PICTURES, "--json"], stop)
        done_and_drawn(done, self.place)
        if done.code or any(self.there[name].forced for name in several):
            return
        shown = sorted(network(run) for run in json.loads(done.out)["runs"])
        first, second = ([self.truths.networks(begun) for begun in self.now(self.there[name])] for name in several)
        fits = any(shown == sorted(one + other) for one in first for other in second)
        assert fits, f"it shows {shown}\nwhile the folders hold {first}\nand {second}\n{told}"


def suggested(text):
    """The commands that an error suggests."""
    verbs = "run|plot|report|doctor|compare|replay|predict"
    found = re.findall(rf"neurosim ((?:{verbs}) (?!-h|--help)[^\n]*?)(?=  |[;.:,]?(?:\n|$))", text)
    return [shlex.split(words) for words in found if "last" not in words]


def shown_by(done, name):
    """Standard output of a command, without what a repetition changes."""
    return (
        without_times(json.loads(done.out))
        if done.out.startswith(("{", "["))
        else re.sub(rf"\b{name}\b", "@", done.out)
    )


def difference(found, wanted, where=""):
    """The first place in which two things differ, in words; empty where they do not."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in [*wanted, *(key for key in found if key not in wanted)]:
            if (key in found) != (key in wanted):
                return f"{where}/{key} is {'not ' * (key not in found)}there"
            fault = difference(found[key], wanted[key], f"{where}/{key}")
            if fault:
                return fault
        return ""
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        faults = (difference(*pair, f"{where}/{place}") for place, pair in enumerate(zip(found, wanted, strict=True)))
        return next(filter(None, faults), "")
    if found == wanted:
        return ""
    if isinstance(found, str) and isinstance(wanted, str):
        pairs = zip(f"{found}\n".splitlines(), f"{wanted}\n".splitlines(), strict=False)
        found, wanted = next((pair for pair in pairs if pair[0] != pair[1]), (len(found), len(wanted)))
    return f"{where} is {str(found)[:300]} and not {str(wanted)[:300]}"
