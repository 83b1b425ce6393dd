"""Many processes in one folder at once, killed anywhere and gone on with: what happened, and whether it was allowed.

Run as a script, ``python histories.py COUNT SEED`` with ``tests`` on the path, it makes so many histories in the
current folder and prints what it has found as JSON. A process that has loaded everything is forked for each command,
which costs a few hundredths of a second. For ``--cold`` nothing is compiled before, and the processes share a cache of
kernels that is empty.
"""

import gc
import json
import os
import random
import re
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

from commands import call
from forks import begin, end_of
from small_runs import VARIANTS, checkpointed

from neurosim.scenario.run_folders import is_left_behind

ROWS = "x1,x2,kind\n0,0,no\n0,1,yes\n1,0,yes\n1,1,no\n0.5,0.1,yes\n0.9,0.2,no\n"
FAULTS = ("Traceback", "bug in neurosim")
DONE = (0, 5)
# Of what a run leaves: its bits, which are those of any other run of this scenario from this seed.
BITS = ("model.safetensors", "ensemble.csv")
KILLED = -9
UNDER_WAY = (".lock", "checkpoint", "begun.json", "seeds.json")


def write_scenarios(folder):
    """Scenarios of one name with other numbers, one on a shared table, a study; `folder` is shared by all histories."""
    folder.mkdir(parents=True)
    (folder / "rows.csv").write_text(ROWS)
    table = 'source = "csv"\nfile = "rows.csv"\ntarget = "kind"'
    texts = {
        "one": checkpointed("one"),
        "other": checkpointed("one", lr=0.5),
        "table": checkpointed("table", data=table),
        "study": checkpointed("study") + VARIANTS,
    }
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text)


@dataclass
class Job:
    """A command, and the process that runs it."""

    words: list
    process: int = 0
    code: int = 0
    said: str = ""


@dataclass
class World:
    """What all histories share, and what was found."""

    shared: Path
    chance: random.Random
    backend: str
    most: int
    known: dict = field(default_factory=dict)
    counts: dict = field(default_factory=dict)
    wrong: list = field(default_factory=list)

    def blame(self, words):
        """Note what was wrong, and say it at once."""
        self.wrong.append(f"{Path.cwd().name}: {words}")
        print(self.wrong[-1], file=sys.stderr, flush=True)

    def count(self, what, number=1):
        self.counts[what] = self.counts.get(what, 0) + number

    def plain(self):
        """A command that trains, with all that decides its bits."""
        kind = self.chance.choices(("one", "other", "table", "study", "seeds"), (12, 6, 6, 1, 1))[0]
        file = "one" if kind == "seeds" else kind
        words = ["run", str(self.shared / f"{file}.toml"), "--backend", self.backend]
        if kind == "seeds":
            return [*words, "--seeds", "2"]
        return [*words, "--seed", str(self.chance.randrange(3))] if kind != "study" else words

    def together(self, jobs, share):
        """Run some commands at once, this share of them killed somewhere."""
        for number, job in enumerate(jobs):
            kill = self.chance.randrange(1, self.most) if self.chance.random() < share else None
            said = Path(f"said-{number}")
            said.unlink(missing_ok=True)
            job.process = begin([*job.words, "--no-report"], kill, opened=True, said=said)
        for number, job in enumerate(jobs):
            job.code = end_of(job.process)
            said = Path(f"said-{number}")
            job.said = said.read_text() if said.exists() and job.code != KILLED else ""
            self.count("processes")
            self.count("kills", job.code == KILLED)
            if job.code not in (*DONE, 3, KILLED) or any(fault in job.said for fault in FAULTS):
                self.blame(f"{job.words} ended with {job.code}: {job.said[-400:]}")


def what_is_in(folder):
    """The bits of a finished run, by file; those of the networks of a study among them."""
    found = {str(path.relative_to(folder)): path.read_bytes() for name in BITS for path in folder.rglob(name)}
    for path in folder.rglob("metrics.jsonl"):
        lines = [json.loads(line) | {"seconds": 0} for line in path.read_text().splitlines()]
        found[str(path.relative_to(folder))] = json.dumps(lines).encode()
    return found


def recognized(world, folder):
    """The command whose bits a finished run has, None where it has those of none, or not all of them."""
    bits = what_is_in(folder)
    return next((words for words, expected in world.known.items() if expected == bits), None)


def expect(world, words):
    """Note what a command leaves that nothing disturbs; `words` are all that decides it."""
    key = tuple(words)
    if key not in world.known:
        alone = world.shared.parent / "alone"
        shutil.rmtree(alone, ignore_errors=True)
        code = end_of(begin([*words, "--no-report", "--out", str(alone)]))
        assert code in DONE, (words, code)
        world.known[key] = what_is_in(alone)


def folder_of(said):
    found = re.search(r"^Files: (\S+)", said, re.MULTILINE)
    return found and Path(found[1])


def history(world, workers):
    """Begin many runs at once, kill some, go on with them, kill again, go on to the end; note what was wrong."""
    jobs = [Job(world.plain()) for _ in range(workers)]
    for job in jobs:
        expect(world, job.words)
    world.together(jobs, 0.5)
    said = {}
    for job in jobs:
        folder = folder_of(job.said)
        if job.code in DONE:
            if folder is None or folder in said:
                world.blame(f"{job.words} said {folder}, which is {said.get(folder)}")
            said[folder] = job
        elif job.code != KILLED:
            world.blame(f"{job.words} was refused: {job.said[-400:]}")
    check_finished(world, said)
    folders = sorted(Path("runs").iterdir()) if Path("runs").exists() else []
    if len(folders) > workers:
        world.blame(f"{workers} runs have {len(folders)} folders")
    # Those that were killed are gone on with: by two processes at once, some of which are killed again.
    left = [path for path in folders if (path / "scenario.toml").exists() and not is_whole(path)]
    world.count("resumed", len(left))
    world.together([Job(["run", "--resume", str(path)]) for path in left for _ in range(2)], 0.4)
    again = set()
    for path in folders:
        if not (path / "scenario.toml").exists():
            if not is_left_behind(path):
                world.blame(f"{path} has {os.listdir(path)}")
            # Nothing that is left there is in anybody's way.
            job = Job([*world.plain(), "--out", str(path)])
            expect(world, job.words[:-2])
            again.add(path)
            world.together([job], 0.0)
            check_finished(world, {path: Job(job.words[:-2], code=job.code)})
        elif not is_whole(path) or world.chance.random() < 0.1:
            job = Job(["run", "--resume", str(path)])
            world.together([job], 0.0)
            if job.code not in DONE:
                world.blame(f"{job.words} ended with {job.code}: {job.said[-400:]}")
    world.count("begun again", len(again))
    check_end(world, folders, again)


def left_over(folder):
    """What only a run that is under way has: checkpoints, locks, temporary files."""
    return [str(path) for path in folder.rglob("*") if path.name in UNDER_WAY or path.name.endswith("-tmp")]


def is_whole(folder):
    return (folder / "summary.json").exists() and not left_over(folder)


def check_finished(world, said):
    """Each folder that a process has called its own has the bits of its command."""
    for folder, job in said.items():
        if job.code not in DONE:
            world.blame(f"{job.words} ended with {job.code}")
        elif folder is not None and what_is_in(folder) != world.known[tuple(job.words)]:
            world.blame(f"{folder} has other bits than {job.words}: it has those of {recognized(world, folder)}")


def check_end(world, folders, again):
    """All is finished: nothing is lost, nothing mixed, nothing left lying about; `again`: where another run went."""
    for path in folders:
        if recognized(world, path) is None:
            world.blame(f"{path} has the bits of no run: {sorted(what_is_in(path))}")
        name = json.loads((path / "summary.json").read_text())["scenario"]
        if path not in again and not path.name.startswith(f"{name}-"):
            world.blame(f"{path} is of {name}")
        if left_over(path):
            world.blame(f"left over: {left_over(path)}")
    world.count("runs", len(folders))


def main(count, seed, *, cold=False, workers=7):
    """Make the histories below the current folder."""
    place = Path.cwd()
    world = World(place / "shared", random.Random(seed), "cpu" if cold else "reference", 120 if cold else 70)
    write_scenarios(world.shared)
    if not cold:
        for words in (["run", "one.toml"], ["run", "study.toml"], ["run", "one.toml", "--seeds", "2"]):
            done = call(["run", str(world.shared / words[1]), *words[2:], "--backend", "reference", "--no-report",
                         "--out", str(place / f"warm-{len(words)}{words[1][0]}")])  # fmt: skip
            assert done.code in DONE, done.err
    gc.collect()
    gc.freeze()  # or every fork copies what it only looks at
    for number in range(count):
        mine = place / f"h{number}"
        mine.mkdir()
        os.chdir(mine)
        before = len(world.wrong)
        history(world, workers)
        if len(world.wrong) == before:
            os.chdir(place)
            shutil.rmtree(mine)
    print(json.dumps({"histories": count, **world.counts, "wrong": world.wrong}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), cold="--cold" in sys.argv)
