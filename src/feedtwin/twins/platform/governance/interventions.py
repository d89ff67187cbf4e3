"""What governance does now: the store of interventions, and their factor on exposure.

A boost or a suppression of size s multiplies the odds that a candidate is shown by s for its duration: the score
of its videos is raised by temperature x ln(s), because slates are drawn with odds exp(score / temperature).
Several on one video multiply. At temperature 0 a slate is the best by score, odds have no meaning, and
boosts do nothing. What is no candidate is not boosted into a feed.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from feedtwin.columns import Columns
from feedtwin.numerics import log32
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import GovernanceAction, GuardResult, TargetKind
from feedtwin.schema.targets import targeted
from feedtwin.twins.part import Part
from feedtwin.twins.platform.governance.table import INTERVENTIONS

EXPOSURE = (GovernanceAction.BOOST, GovernanceAction.SUPPRESS)
"""Actions that hold for a duration; the others hold until restored."""
DAY = 24
"""Steps for which an intervention is remembered, at the least, once it is over."""
_TALLIED = {
    GuardResult.PASSED: "interventions_passed",
    GuardResult.CLIPPED: "interventions_clipped",
    GuardResult.BLOCKED: "interventions_blocked",
}


class Interventions(Part):
    """Keeps what was done to whom and for how long; every attempt goes to the audit."""

    name = "interventions"
    audited = ("GOVERNANCE_ACTION_APPLIED",)

    def __init__(self, cool_down_steps: int) -> None:
        self._own = Columns(INTERVENTIONS, 0)
        super().__init__(self._own)
        self._kept_steps = max(DAY, cool_down_steps)

    @property
    def table(self) -> Columns:
        """Interventions in force and those remembered, in no particular order."""
        return self._own

    def active(self, step: int) -> np.ndarray:
        """Return the rows of boosts and suppressions in force, ascending."""
        t = self._own
        return np.nonzero(np.isin(t.action, EXPOSURE) & (t.until_step > step))[0]

    def exposure_log_odds(self, step: int) -> np.ndarray | None:
        """Return the log of each video's factor on exposure, float32 (V,), or None where nothing is in force."""
        t = self._own
        if not len(t):
            return None
        rows = self.active(step)
        if not len(rows):
            return None
        items = self.sight.items
        order = rows[np.lexsort((t.action[rows], t.target[rows], t.target_kind[rows]))]
        total = np.zeros(len(items), np.float32)
        for kind, target, size in zip(
            t.target_kind[order].tolist(), t.target[order].tolist(), log32(t.size[order]),
            strict=True,
        ):  # fmt: skip
            total[targeted(items, self.sight.rows_of, kind, target)] += size
        return total

    def next_ordinal(self) -> int:
        """Return the ordinal of the next governance action."""
        return int(self.sight.telemetry.get("governance_actions"))

    # -- handlers --------------------------------------------------------------------------------

    def on_governance_action_applied(self, applied: EventBatch) -> None:
        """Write down what passed, end what was restored, count what the guard rails made of it."""
        step, telemetry = applied.step, self.sight.telemetry
        done = applied.guard != GuardResult.BLOCKED
        self._restore(applied, np.nonzero(done & (applied.action == GovernanceAction.RESTORE))[0])
        kept = np.nonzero(done & (applied.action != GovernanceAction.DISMISS))[0]
        t = self._own
        t.grow(max(len(kept) - int(np.count_nonzero(self._free(step))), 0))
        place = np.nonzero(self._free(step))[0][: len(kept)]
        for name in ("action", "target_kind", "target", "size"):
            getattr(t, name)[place] = getattr(applied, name)[kept]
        t.since_step[place] = step
        lasting = np.isin(applied.action[kept], EXPOSURE)
        until = np.minimum(step + applied.duration_steps[kept].astype(np.int64), 2**31 - 1)
        t.until_step[place] = np.where(lasting, until, step)
        telemetry.add("governance_actions", applied.rows)
        for result, name in _TALLIED.items():
            telemetry.add(name, int(np.count_nonzero(applied.guard == result)))

    def _free(self, step: int) -> np.ndarray:
        """Rows that nobody needs to remember any more; action 0 was never used."""
        t = self._own
        return (t.action == 0) | (t.until_step.astype(np.int64) + self._kept_steps <= step)

    def _restore(self, applied: EventBatch, rows: np.ndarray) -> None:
        t = self._own
        for row in rows.tolist():
            same = (t.target_kind == applied.target_kind[row]) & (t.target == applied.target[row])
            t.until_step[same & (t.until_step > applied.step)] = applied.step

    # -- audit -----------------------------------------------------------------------------------

    def audit(self, batch: EventBatch) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield one row per attempt: who, what, and what the guard rails made of it."""
        columns = {name: values.tolist() for name, values in batch.columns.items()}
        for row in range(batch.rows):
            yield (
                "governance",
                GovernanceAction(columns["action"][row]).name,
                {
                    "ordinal": columns["ordinal"][row],
                    "target_kind": TargetKind(columns["target_kind"][row]).name,
                    "target": str(columns["target"][row]),
                    "size": columns["size"][row],
                    "duration_steps": columns["duration_steps"][row],
                    "guard": GuardResult(columns["guard"][row]).name,
                },
            )
