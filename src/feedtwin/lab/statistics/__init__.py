"""Statistics of paired replicates: the replicate is the unit, and every number has an interval or says why not.

Nothing here knows what a study is: arrays in, small frozen records out.
"""

from feedtwin.lab.statistics.coupling import Coupling, coupling, independent_equivalent
from feedtwin.lab.statistics.distributions import Bands, lorenz, lorenz_verdict, simultaneous
from feedtwin.lab.statistics.equivalence import Equivalence, tost
from feedtwin.lab.statistics.families import (
    CORRECTIONS,
    JOINT_FROM,
    Joint,
    benjamini_hochberg,
    dunnett,
    holm,
)
from feedtwin.lab.statistics.means import Mean, mean_of
from feedtwin.lab.statistics.paired import Difference, difference, sign_flip_p, unpaired
from feedtwin.lab.statistics.power import detectable, power, replicates_for
from feedtwin.lab.statistics.sequential import Precision

__all__ = [
    "CORRECTIONS", "JOINT_FROM", "Bands", "Coupling", "Difference", "Equivalence", "Joint", "Mean", "Precision",
    "benjamini_hochberg", "coupling", "detectable", "difference", "dunnett", "holm", "independent_equivalent", "lorenz",
    "lorenz_verdict", "mean_of", "power", "replicates_for", "sign_flip_p", "simultaneous", "tost", "unpaired",
]  # fmt: skip
