"""Issues campaign plans: who takes part, when, and what the planner advises. Spec CREATOR_CAMPAIGN, EXP-1."""

from dataclasses import dataclass

import numpy as np

from feedtwin.policies.interface import PLAN_DAYS, CampaignPolicy, View
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.batches import Batch, EventBatch
from feedtwin.twins.part import Part
from feedtwin.twins.platform.governance.answers import ask_plans
from feedtwin.twins.platform.governance.forecasts import Forecasts
from feedtwin.twins.platform.governance.trends import TrendTracker
from feedtwin.twins.platform.governance.viewing import governance_view


@dataclass(frozen=True)
class Participation:
    """Who takes part and how often; see `parameters/campaigns.yaml`."""

    adoption: float
    tiers: int
    every_days: int
    steps_per_day: int


class Campaigns(Part):
    """Asks the planner at a day's first step; creators follow through CAMPAIGN_PLAN_ISSUED."""

    name = "campaigns"

    def __init__(
        self,
        policy: CampaignPolicy | None,
        others: CampaignPolicy | None,
        participation: Participation,
        trends: TrendTracker,
        forecasts: Forecasts,
        draws: Draws,
    ) -> None:
        super().__init__()
        self.policy, self._others, self.participation = policy, others, participation
        self._trends, self._forecasts = trends, forecasts
        self._draws = draws

    def adopters(self) -> np.ndarray:
        """Return the creators who take part, u4, ascending: each by a draw of their own."""
        p = self.participation
        able = self._able()
        draw = self._draws.uniform(Stream.CAMPAIGN_ADOPTION, able)
        return able[draw < np.float32(p.adoption)]

    def _able(self) -> np.ndarray:
        """Return the creators who could take part, u4, ascending."""
        return np.nonzero(self.sight.users.tier < self.participation.tiers)[0].astype(np.uint32)

    def _planned(self, view: View) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return who gets a plan, ascending, and the plans, (N, 3) each: adopters, and the others if they have a planner."""
        assert self.policy is not None
        creators, categories = self.adopters(), len(self.sight.topics[0])
        plans = ask_plans(self.policy, view, creators, categories)
        if self._others is None:
            return creators, plans
        rest = np.setdiff1d(self._able(), creators)
        more = ask_plans(self._others, view, rest, categories)
        whole = np.concatenate([creators, rest])
        order = np.argsort(whole)
        joined = {name: np.concatenate([plans[name], more[name]])[order] for name in plans}
        return whole[order], joined

    def due(self, step: int) -> list[Batch]:
        """Return the plans of this step: three rows per creator, one per day."""
        p = self.participation
        if self.policy is None or step % (p.every_days * p.steps_per_day):
            return []
        view = governance_view(
            self.sight, step, trends=self._trends.table, forecast=self._forecasts.table
        )
        creators, plans = self._planned(view)
        rows = len(creators) * PLAN_DAYS
        flat = {name: column.reshape(-1) for name, column in plans.items()}
        columns = {
            "user": np.repeat(creators, PLAN_DAYS),
            "plan": np.full(rows, step + 1, np.uint32),
            "day": np.tile(np.arange(PLAN_DAYS, dtype=np.uint8), len(creators)),
            "category": flat["category"].astype(np.uint16),
            "hashtag": flat["hashtag"].astype(np.uint16),
            "sound": flat["sound"].astype(np.uint32),
            "uploads": flat["uploads"].astype(np.uint8),
            "text": flat["text"].astype(np.uint32),
            "hour": flat["hour"].astype(np.uint8),
            "live": flat["live"].astype(np.uint8),
            "call": flat["call"].astype(np.uint8),
            "source": flat["source"].copy(),
        }
        return [EventBatch("CAMPAIGN_PLAN_ISSUED", step, columns)]

    def on_video_created(self, created: EventBatch) -> None:
        """Count the uploads that follow a plan."""
        planned = int(np.count_nonzero(created.plan))
        self.sight.telemetry.add("planned_uploads", planned)
