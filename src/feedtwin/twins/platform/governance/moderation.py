"""The moderation queue: reports come in, reviewers decide as many as they can.

Reviewers take the open item with most reports first, then the one that waits longest, then the lower id. They
judge its toxicity by fixed standards and err with given chances; a review ends in a removal, an age gate, a
warning label, or a dismissal. New reports of an item that still can be seen open it again.
"""

import math
from collections.abc import Mapping

import numpy as np

from feedtwin.columns import Columns
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.batches import Batch, EventBatch
from feedtwin.schema.codes import GovernanceAction, GuardResult, TargetKind
from feedtwin.schema.ids import LOW, SHIFT
from feedtwin.schema.targets import rows_or_none
from feedtwin.twins.lookup import Lookup
from feedtwin.twins.part import Part
from feedtwin.twins.platform.governance.config import ModerationConfig
from feedtwin.twins.platform.governance.interventions import Interventions
from feedtwin.twins.platform.governance.table import REPORTS

OPEN = 0
_OUTCOMES = (
    GovernanceAction.LABEL, GovernanceAction.AGE_GATE, GovernanceAction.REMOVE,
    GovernanceAction.DISMISS,
)  # fmt: skip
_BY_NAME = {
    "label": GovernanceAction.LABEL,
    "age_gate": GovernanceAction.AGE_GATE,
    "remove": GovernanceAction.REMOVE,
}


class Moderation(Part):
    """Reports and reviewers."""

    name = "moderation"

    def __init__(self, config: ModerationConfig, running: Interventions, draws: Draws) -> None:
        self._own = Columns(REPORTS, 0)
        super().__init__(self._own)
        self.config = config
        self._running = running
        self._draws = draws
        self._lookup = Lookup(self._own.item)

    @property
    def table(self) -> Columns:
        """One row per video that was ever reported."""
        return self._own

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Restore from a snapshot."""
        super().load_state(state)
        self._lookup = Lookup(self._own.item)

    # -- verbs -----------------------------------------------------------------------------------

    def capacity(self, step: int) -> int:
        """Return how many reviews reviewers do in this step; parts of one add up over steps."""
        rate = self.config.capacity * self.sight.active_users(step) / 1000.0
        return math.floor(rate * (step + 1)) - math.floor(rate * step)

    def due(self, step: int) -> list[Batch]:
        """Return the decisions of this step."""
        t = self._own
        if self.config.capacity == 0 or not len(t):
            return []
        waiting = np.nonzero((t.status == OPEN) & (t.count >= self.config.reports_min))[0]
        most = -t.count[waiting].astype(np.int64)
        order = np.lexsort((t.item[waiting], t.first_step[waiting], most))
        taken = waiting[order[: self.capacity(step)]]
        rows = len(taken)
        first = self._running.next_ordinal()
        columns = {
            "ordinal": np.arange(first, first + rows, dtype=np.uint32),
            "action": self._decisions(t.item[taken], t.reviews[taken]),
            "target_kind": np.full(rows, TargetKind.ITEM, np.uint8),
            "target": t.item[taken],
            "size": np.ones(rows, np.float32),
            "duration_steps": np.ones(rows, np.uint32),
            "guard": np.full(rows, GuardResult.PASSED, np.uint8),
        }
        return [EventBatch("GOVERNANCE_ACTION_APPLIED", step, columns)]

    def _decisions(self, item: np.ndarray, reviews: np.ndarray) -> np.ndarray:
        """Return what reviewers make of items, u1: by their standard, or by mistake."""
        c, items = self.config, self.sight.items
        toxicity = items.toxicity[self.sight.rows_of(item)]
        right = np.full(len(item), GovernanceAction.DISMISS, np.uint8)
        for above, outcome in (
            (c.label_above, GovernanceAction.LABEL),
            (c.gate_above, GovernanceAction.AGE_GATE),
            (c.remove_above, GovernanceAction.REMOVE),
        ):
            right[toxicity >= np.float32(above)] = outcome
        creator, ordinal = (item >> SHIFT).astype(np.uint32), (item & LOW).astype(np.uint32)
        draw = self._draws.uniform(Stream.REVIEW_ERROR, creator, ordinal, reviews)
        harmless = right == GovernanceAction.DISMISS
        chance = np.where(
            harmless, np.float32(c.false_positive), np.float32(c.false_negative)
        ).astype(np.float32)
        wrong = np.where(harmless, _BY_NAME[c.false_outcome], GovernanceAction.DISMISS)
        return np.where(draw < chance, wrong, right).astype(np.uint8)

    # -- handlers --------------------------------------------------------------------------------

    def on_content_reported(self, reported: EventBatch) -> None:
        """Put videos into the queue; posts have none."""
        t, step = self._own, reported.step
        item, count = np.unique(reported.item, return_counts=True)
        known = rows_or_none(self.sight.items, self.sight.rows_of, item) >= 0
        item, count = item[known], count[known]
        new = self._lookup.missing(item)
        where = t.grow(len(new))
        t.item[where], t.first_step[where] = new, step
        self._lookup.add(new, where)
        rows = self._lookup.find(item)
        again = rows[(t.status[rows] != OPEN) & (t.status[rows] != GovernanceAction.REMOVE)]
        t.status[again], t.first_step[again] = OPEN, step
        t.count[rows] += count.astype(np.uint32)
        self._put_backlog()

    def on_governance_action_applied(self, applied: EventBatch) -> None:
        """Close what was decided, whoever decided it."""
        t = self._own
        decided = (applied.target_kind == TargetKind.ITEM) & np.isin(applied.action, _OUTCOMES)
        decided &= applied.guard != GuardResult.BLOCKED
        rows = self._lookup.find(applied.target[decided])
        outcome, rows = applied.action[decided][rows >= 0], rows[rows >= 0]
        distinct = np.unique(rows)
        self.sight.telemetry.add("reviews", int(np.count_nonzero(t.status[distinct] == OPEN)))
        t.status[rows] = outcome
        t.count[rows] = 0
        t.reviews[distinct] += np.uint16(1)
        self._put_backlog()

    def _put_backlog(self) -> None:
        t = self._own
        backlog = np.count_nonzero((t.status == OPEN) & (t.count >= self.config.reports_min))
        self.sight.telemetry.put("review_backlog", int(backlog))
