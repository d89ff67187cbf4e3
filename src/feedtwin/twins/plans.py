"""What twins keep of campaign plans: one row per creator who ever got one, with a column per thing and day."""

from collections.abc import Mapping

import numpy as np

from feedtwin.columns import Columns
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.plans import PLAN_DAYS
from feedtwin.schema.tables import TableSpec
from feedtwin.twins.lookup import Lookup
from feedtwin.twins.part import Part


class PlanKeeper(Part):
    """Keeps the latest plan of each creator: what its table has columns for, each named as in CAMPAIGN_PLAN_ISSUED."""

    def __init__(self, spec: TableSpec, steps_per_day: int) -> None:
        """Start empty.

        Args:
            spec: The table: `user`, `start_step`, perhaps `plan`, and columns of shape (PLAN_DAYS,).
            steps_per_day: Steps of a day.
        """
        self._own = Columns(spec, 0)
        super().__init__(self._own)
        self._steps_per_day = steps_per_day
        self._lookup = Lookup(self._own.user)
        self._of_plan = [name for name in ("plan",) if name in spec.by_name]
        self._of_day = [column.name for column in spec.columns if column.shape == (PLAN_DAYS,)]

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Restore from a snapshot."""
        super().load_state(state)
        self._lookup = Lookup(self._own.user)

    def on_campaign_plan_issued(self, issued: EventBatch) -> None:
        """Take up new plans; they replace older ones."""
        t, users = self._own, issued.user[issued.day == 0]
        new = self._lookup.missing(users).astype(np.uint32)
        where = t.grow(len(new))
        t.user[where] = new
        self._lookup.add(new, where)
        rows = self._lookup.find(issued.user)
        t.start_step[rows] = issued.step
        for name in self._of_plan:
            getattr(t, name)[rows] = getattr(issued, name)
        for name in self._of_day:
            getattr(t, name)[rows, issued.day] = getattr(issued, name)
