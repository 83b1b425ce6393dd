"""Small networks: how many threads train each, what of it is in shared memory, and the constants of its kernel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from neurosim.backends.cpu.groups import is_small
from neurosim.backends.cuda.fields import Field, Kind, Phase, Terms
from neurosim.backends.cuda.generation import activations_of
from neurosim.backends.cuda.layout import build_table
from neurosim.backends.cuda.table import Table, learns
from neurosim.backends.cuda.target import simulated
from neurosim.network.network import Network
from neurosim.network.training import Training

# The phases of vectors alone, which are compiled one after another where there are not too many: all sizes are then
# constants, and small loops are gone.
_PLAIN = frozenset(Phase) - {phase for phase in Phase if phase >= Phase.COMBINE_FORWARD}
_MOST_PLAIN = 24
# Outputs that a thread can have in registers.
_FEW = 16
_BYTES = 4


@dataclass(frozen=True)
class Teams:
    """How small networks are divided among threads.

    Attributes
    ----------
    work : int
        Multiply-adds of a step for each thread, about.
    warp : int
        Threads that wait for one another at next to no cost; networks with fewer share them.
    most_threads : int
        Greatest number of threads for a network.
    shared : int
        Bytes of shared memory of a block.
    """

    work: int
    warp: int
    most_threads: int
    shared: int


@dataclass(frozen=True)
class Team:
    """Threads for each network, and all that is fixed when their kernel is compiled.

    Attributes
    ----------
    threads, networks : int
        Threads of a network, and networks of a block.
    waits_as_warp : bool
        Whether a team is within a warp.
    table : Table
        The network; the work space begins with the inputs of a batch.
    batch : int
        Rows of a batch.
    whole : bool
        Whether all batches have so many.
    inputs, outputs, dropouts : int
        Of the network.
    shuffles : bool
        Whether the order of rows is drawn for each epoch.
    here : dict of str to int
        For each array that is in shared memory, its length; 0 for the others.
    slots : int
        Of the optimizer, and an average.
    """

    threads: int
    networks: int
    waits_as_warp: bool
    table: Table
    batch: int
    whole: bool
    inputs: int
    outputs: int
    dropouts: int
    shuffles: bool
    here: dict[str, int]
    slots: int

    @property
    def block(self) -> int:
        """Threads of a block."""
        return self.threads * self.networks

    @property
    def straight(self) -> bool:
        """Whether the phases of a step are compiled one after another, not as a loop over them."""
        program = self.table.step()
        return len(program) <= _MOST_PLAIN and all(phase in _PLAIN for phase, _ in program)

    @property
    def shared(self) -> int:
        """Bytes of shared memory of a block."""
        return self.networks * _BYTES * sum(_numbers(self.here, self.slots).values())

    def text(self) -> str:
        """The constants and functions of the kernel for these networks."""
        table = self.table
        lines = [
            f"STAGE_TABLE = {_array(table.stages)}",
            f"NUMBER_TABLE = {_array(table.numbers)}",
            f"LOSS_TABLE = {_array(table.loss)}",
            f"BATCH, WHOLE, NETWORK_INPUTS, NETWORKS = {self.batch}, {self.whole}, {self.inputs}, {self.networks}",
            f"OUTPUTS, DROPOUTS, SHUFFLES = {self.outputs}, {self.dropouts}, {self.shuffles}",
            f"SLOTS_HERE = {self.slots}",
            *(f"{name.upper()}_HERE = {length}" for name, length in self.here.items()),
            "",
            "",
            *("@inner", "def wait():", f"    cuda.{'syncwarp' if self.waits_as_warp else 'syncthreads'}()"),
            "",
            "",
            *self._step(),
        ]
        return "\n".join(lines)

    def _step(self) -> list[str]:
        """The function that runs all phases of a step."""
        head = ["@inner", "def run_step(net, data, loss, rows, first, learner, step, measures):"]
        rest = "net, data, loss, rows, first, learner, step, 1, measures, (0, 1))"
        if not self.straight:
            program = f"PROGRAM = {_array(self.table.program())}"
            loop = ["    for p in range(PROGRAM.shape[0]):", f"        run_phase(PROGRAM[p, 0], PROGRAM[p, 1], {rest}"]
            return [program, "", "", *head, *loop, "        wait()"]
        lines = []
        for phase, s in self.table.step():
            if phase == Phase.JUDGE_ROWS and self.outputs <= _FEW:
                lines.append("    judge_outputs(net, data, loss, rows, first, measures, (0, 1))")
            elif phase == Phase.LEARN:
                dense = (
                    s for s, stage in enumerate(self.table.stages) if stage[Field.KIND] == Kind.DENSE and learns(stage)
                )
                lines += [f"    learn_dense(net, data, {s}, rows, first, learner, step, 1, (0, 1))" for s in dense]
            else:
                lines.append(f"    run_phase({int(phase)}, {s}, {rest}")
            lines.append("    wait()")
        return [*head, *lines]


def team_for(
    network: Network, training: Training, batch: int, rows: int, judge: int, given: Teams, terms: Terms
) -> Team:
    """The team for each of networks like this one, trained on so many rows in batches of `batch`."""
    batch = max(min(batch, rows), 1)
    table = build_table(
        network,
        batch,
        activations_of(network),
        judge=judge,
        training=training,
        terms=terms,
        biases_first=is_small(network, training),
        keeps_inputs=True,
    )
    wanted = 3 * batch * network.size / given.work
    threads = min(max(_power_of_two(wanted), 2), given.most_threads)
    slots = len(training.slots)
    statistics = sum(entry.size for entry in network.statistics)
    # So that folds of a data set, which differ by a row, have the same kernel.
    room = _power_of_two(rows)
    # What is looked at most often comes first.
    lengths = {"work": table.work, "weights": network.size + statistics}
    lengths |= {"state": network.size if slots else 0, "order": room, "measures": room}
    while threads < given.warp and _fitting(lengths, slots, given.shared * threads // given.warp) != lengths:
        threads *= 2
    networks = max(given.warp // threads, 1)
    return Team(
        threads=threads,
        networks=networks,
        # The simulator knows no warps.
        waits_as_warp=threads <= given.warp and not simulated(),
        table=table,
        batch=batch,
        whole=rows % batch == 0,
        inputs=network.inputs,
        outputs=network.outputs,
        dropouts=len(network.dropouts),
        shuffles=training.shuffle,
        here=_fitting(lengths, slots, given.shared // networks),
        slots=slots,
    )


def _power_of_two(number: float) -> int:
    """The least that is not below a number."""
    return int(2 ** math.ceil(math.log2(max(number, 1.0))))


def _numbers(lengths: dict[str, int], slots: int) -> dict[str, int]:
    """How many numbers there are in arrays of these lengths."""
    times = {"state": slots, "measures": 2}
    return {name: length * times.get(name, 1) for name, length in lengths.items()}


def _fitting(lengths: dict[str, int], slots: int, room: int) -> dict[str, int]:
    """The lengths of those arrays for which there is room, in this order; 0 for the others."""
    found = {}
    for name, count in _numbers(lengths, slots).items():
        fits = _BYTES * count <= room
        found[name] = lengths[name] if fits else 0
        room -= _BYTES * count if fits else 0
    return found


def _array(array: NDArray[Any]) -> str:
    """An array as it is written in a module."""

    text = repr(array.tolist()).replace("inf", "np.inf")
    return f"np.array({text}, np.{array.dtype})"
