"""What is wrong with a run, in plain words, from evidence.

Reading order: `evidence` (what is measured), `finding` (what is said), `layers` and `training` (the diseases with
their thresholds), `remedies` (the one thing to change), `diagnosis` (all of it).
"""

from neurosim.diagnosis.diagnosis import Diagnosis, diagnose, judge
from neurosim.diagnosis.evidence import Evidence, collect
from neurosim.diagnosis.finding import Bars, Finding, Lines

__all__ = ["Bars", "Diagnosis", "Evidence", "Finding", "Lines", "collect", "diagnose", "judge"]
