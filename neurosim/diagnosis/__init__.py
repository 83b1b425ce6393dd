"""What is wrong with a run, in plain words and with the evidence, and which remedy helped when it was tried.

Reading order: `evidence` with `rows` and `measured` (what is measured), `finding` (what is reported), the diseases with
their limits (`data`, `output`, `layers`, `rates`, `capacity`, `outcome`), each of which yields a `suspicion`;
`remedies` (what may help), `trials` with `range_test` and `budget` (trying it), `treatment` (from a suspicion to a
finding), `diagnosis` (all of it).
"""

from neurosim.diagnosis.diagnosis import Diagnosis, diagnose, diagnose_failed
from neurosim.diagnosis.evidence import Evidence
from neurosim.diagnosis.finding import Bars, Finding, Lines, Trial

__all__ = ["Bars", "Diagnosis", "Evidence", "Finding", "Lines", "Trial", "diagnose", "diagnose_failed"]
