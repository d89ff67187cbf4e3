"""The controller: asks a strategy, lets its wishes through the guard rails, says what happens. Spec GOV-3."""

from typing import Any

import numpy as np

from feedtwin.policies.interface import GovernancePolicy
from feedtwin.schema.batches import Batch, EventBatch
from feedtwin.schema.targets import targeted
from feedtwin.twins.part import Part
from feedtwin.twins.platform.governance.answers import ask_interventions
from feedtwin.twins.platform.governance.forecasts import Forecasts
from feedtwin.twins.platform.governance.guard import Guard, Limits
from feedtwin.twins.platform.governance.interventions import Interventions
from feedtwin.twins.platform.governance.trends import TrendTracker
from feedtwin.twins.platform.governance.viewing import governance_view


class Controller(Part):
    """Reads the sensors, never writes: what it decides is written down by others' handlers."""

    name = "controller"

    def __init__(
        self,
        policy: GovernancePolicy | None,
        every_steps: int,
        limits: Limits,
        trends: TrendTracker,
        forecasts: Forecasts,
        running: Interventions,
    ) -> None:
        super().__init__()
        self._policy, self._every_steps, self._limits = policy, every_steps, limits
        self._trends, self._forecasts, self._running = trends, forecasts, running

    def due(self, step: int) -> list[Batch]:
        """Return every attempt of this step with what the guard rails made of it."""
        if self._policy is None or step % self._every_steps:
            return []
        sight = self.sight
        view = governance_view(
            sight, step, trends=self._trends.table, forecast=self._forecasts.table,
            interventions=self._running.table,
        )  # fmt: skip
        wishes = ask_interventions(
            self._policy, view, lambda kind, key: targeted(sight.items, sight.rows_of, kind, key)
        )
        checked = Guard(self._limits, self._running, sight, step).check(wishes)
        first = self._running.next_ordinal()
        values: dict[str, Any] = {
            "ordinal": range(first, first + len(checked)),
            "action": [one.wish.action for one in checked],
            "target_kind": [one.wish.target_kind for one in checked],
            "target": [one.wish.target for one in checked],
            "size": [one.size for one in checked],
            "duration_steps": [one.duration_steps for one in checked],
            "guard": [one.result for one in checked],
        }
        kinds = ("u4", "u1", "u1", "u8", "f4", "u4", "u1")
        columns = {
            name: np.array(list(value), kind)
            for (name, value), kind in zip(values.items(), kinds, strict=True)
        }
        return [EventBatch("GOVERNANCE_ACTION_APPLIED", step, columns)]
