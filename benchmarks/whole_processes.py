"""The comparisons of whole processes: memory, and the time to start."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from crew import Settings
from measure import Samples, Timed, interleave
from outcome import Outcome, Row
from pieces import describe
from process import count_compilations, has_torch, import_torch, peak_memory, run_scenario


def memory(settings: Settings) -> Outcome:
    """Peak resident size of a run of mnist."""
    settings.say("running mnist for its memory")
    threads = str(settings.threads)
    size = peak_memory("mnist", "--set", "training.epochs=1", "--set", "expect={}", "--threads", threads)
    row = Row("memory: peak resident size of `run mnist`", size, 450, "MB", at_most=True, ours="1 epoch")
    return Outcome(rows=[row])


def startup(settings: Settings) -> Outcome:
    """`neurosim run xor` as a whole process: with its kernels in the cache, and without."""
    outcome = Outcome()
    settings.say("filling the cache of kernels")
    run_scenario("xor")
    contenders = {"run xor": Timed(lambda: run_scenario("xor"))}
    if has_torch():
        contenders["import torch"] = Timed(import_torch)
    else:
        outcome.skipped["import torch"] = "torch is not installed"
    settings.say(f"timing {', '.join(contenders)}: {settings.rounds} rounds")
    samples = outcome.samples = interleave(contenders, settings.rounds)
    work, ours = "start-up: `run xor`, second time, relative to `import torch`", describe("run xor", samples)
    if "import torch" in samples:
        ratio = samples["run xor"].median / samples["import torch"].median
        outcome.rows.append(Row(work, ratio, 0.7, "x", True, ours, describe("import torch", samples)))
    else:
        outcome.rows.append(Row(work, None, 0.7, "x", True, ours, "no peer could be timed"))
    compiled = count_compilations("xor")
    outcome.rows.append(Row("start-up: functions compiled, second time", compiled, 0, "", True))
    outcome.rows.append(_cold(settings, outcome))
    return outcome


def _cold(settings: Settings, outcome: Outcome) -> Row:
    settings.say("running xor with an empty cache")
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        printed = run_scenario("xor", cache=Path(folder))
        seconds = time.perf_counter() - start
    outcome.samples["run xor, empty cache"] = Samples((seconds,))
    says_so = "it says that it is compiling" if "compiling for" in printed else "it does NOT say it is compiling"
    with tempfile.TemporaryDirectory() as folder:
        compiled = count_compilations("xor", Path(folder))
    outcome.notes.append(f"first time: {compiled} functions compiled; {says_so}")
    return Row("start-up: `run xor`, first time, empty cache", seconds, 8, "s", True, ours=says_so)
