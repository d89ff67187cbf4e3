"""Claims of a published paper beside what a study of ours found: read, tested on the paper's own numbers, joined.

`sheet` reads a paper's table and claims, `printed` tests them from printed means and deviations, `judging` says what
our study makes of each, `writing` puts them into the study's folder.
"""

from feedtwin.lab.claims.judging import Judged, judge
from feedtwin.lab.claims.sheet import Sheet, read_sheet
from feedtwin.lab.claims.writing import as_markdown, unrun_markdown, write_claims

__all__ = [
    "Judged",
    "Sheet",
    "as_markdown",
    "judge",
    "read_sheet",
    "unrun_markdown",
    "write_claims",
]
