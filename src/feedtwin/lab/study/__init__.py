"""Studies: arms of one world, run in pairs that share all chance, and what their differences are.

`reading` makes a study from a file, `running` runs it, `result` is what comes of it; figures and reports read that.
"""

from feedtwin.lab.study.plan import Arm, Cohort, Contrast, Estimand, Study
from feedtwin.lab.study.reading import built_in_studies, read_study
from feedtwin.lab.study.result import (
    Answered,
    CurvePoint,
    Effect,
    Level,
    Provenance,
    Reading,
    StudyResult,
    Warned,
)
from feedtwin.lab.study.running import StudyProgress, run_study
from feedtwin.lab.study.tables import read_result

__all__ = [
    "Answered", "Arm", "Cohort", "Contrast", "CurvePoint", "Effect", "Estimand", "Level", "Provenance", "Reading", "Study",
    "StudyProgress", "StudyResult", "Warned", "built_in_studies", "read_result", "read_study", "run_study",
]  # fmt: skip
