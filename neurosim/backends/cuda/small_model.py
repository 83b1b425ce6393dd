"""How long a step of small networks should take on a GPU, from the instructions of the threads of a team.

All that they look at is in shared memory, so what counts is how many instructions a thread carries out, and how long it
waits for the result of each before the next. Both follow from the machine code (see `machine_steps`), which for XOR
networks on sm_90 has 579 instructions in a step and 2,240 cycles for a warp that is alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from neurosim.backends.cuda.fields import Field, Kind, Phase
from neurosim.backends.cuda.probes import DeviceFacts
from neurosim.backends.cuda.teams import Team

# Counted, for tanh, sigmoid, binary cross-entropy and Adam. Instructions for each multiply-add: two loads and itself.
TERM = 3
# ... and around each number: an input fetched, a weighted sum with its activation, a gradient carried back, a parameter
# updated; around the loss of a row, and each of its outputs; a number of any other phase.
FETCHED, FINISHED, CARRIED, UPDATED, JUDGED, OUTPUT, OTHER = 32, 48, 10, 50, 120, 30, 60
# ... and around an epoch, and each row in it.
EPOCH, EPOCH_ROW = 90, 16
# Cycles of an instruction in a warp that is alone: the mean over a step, by what the assembler writes into them.
ALONE = 3.8
# Warps that have enough registers on a multiprocessor: 146 of each thread on sm_75, 95 on sm_90, fewer after.
WARPS = 13
# Assumed: bytes of shared memory of a multiprocessor, of which newer ones have more; cycles of a barrier of a block.
SHARED, BARRIER = 96 * 1024, 30
# Warps of instructions that a multiprocessor starts in each cycle; threads of a warp.
_STARTS, _WARP = 4, 32


@dataclass(frozen=True)
class TeamStep:
    """A step of so many networks side by side."""

    team: Team
    networks: int
    rows: int
    facts: DeviceFacts

    @property
    def _warps(self) -> int:
        """Of a block."""
        return -(-self.team.block // _WARP)

    @property
    def resident(self) -> int:
        """Blocks that are on a multiprocessor at once."""
        blocks = -(-self.networks // self.team.networks)
        fitting = max(min(WARPS // self._warps, SHARED // max(self.team.shared, 1)), 1)
        return min(fitting, -(-blocks // self.facts.processors))

    @property
    def waves(self) -> int:
        """How often the multiprocessors are filled until all networks are trained."""
        blocks = -(-self.networks // self.team.networks)
        return -(-blocks // (self.resident * self.facts.processors))

    @property
    def instructions(self) -> int:
        """Of a thread in a step, without what there is once in an epoch."""
        return sum(count for _, count in self._phases())

    def parts(self) -> Iterator[tuple[str, float, float, float]]:
        """For each phase its name, and seconds to start its instructions, to wait for their results, and to meet."""
        clock = self.facts.clock
        meet = 0.0 if self.team.waits_as_warp else BARRIER / clock
        each = max(self.resident * self._warps / _STARTS, 1.0)
        steps = -(-self.rows // self.team.batch)
        for name, count in (*self._phases(), ("sum up", (EPOCH + EPOCH_ROW * self.rows) // steps)):
            yield name, count * each / clock, count * max(ALONE - each, 0.0) / clock, meet

    def _turns(self, count: int) -> int:
        return -(-count // self.team.threads)

    def _phases(self) -> Iterator[tuple[str, int]]:
        """The instructions of a thread for each phase."""
        team = self.team
        yield "fetch", self._turns(team.batch * team.inputs) * FETCHED
        for phase, s in team.table.step():
            yield phase.name.lower().replace("_", " "), self._instructions(phase, s)

    def _instructions(self, phase: Phase, s: int) -> int:
        team, stages = self.team, self.team.table.stages
        inputs, units = (int(stages[s][field]) for field in (Field.INPUTS, Field.UNITS))
        if phase == Phase.FORWARD:
            return self._turns(team.batch * units) * (inputs * TERM + FINISHED)
        if phase == Phase.BACKWARD:
            return self._turns(team.batch * inputs) * (units * TERM + CARRIED)
        if phase in (Phase.LEARN, Phase.GATHER):
            dense = [stage for stage in stages if stage[Field.KIND] == Kind.DENSE]
            counts = (int((stage[Field.INPUTS] + (stage[Field.BIAS] >= 0)) * stage[Field.UNITS]) for stage in dense)
            return sum(self._turns(count) for count in counts) * (team.batch * TERM + UPDATED)
        if phase in (Phase.JUDGE_ROWS, Phase.FINISH_ROWS):
            return self._turns(team.batch) * (JUDGED + OUTPUT * units)
        return self._turns(team.batch * max(inputs, units)) * OTHER
