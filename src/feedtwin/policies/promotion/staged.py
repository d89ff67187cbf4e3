"""Staged promotion: a test audience, then a larger one, then the viral stage. Spec PRO-1 to PRO-4."""

import numpy as np
from pydantic import BaseModel, ConfigDict

from feedtwin.policies.interface import StageChanges, View, policy

INITIAL, EXPANDED, VIRAL, LIMITED = 0, 1, 2, 3


class StagedSettings(BaseModel):
    """Audiences and gates; see `parameters/promotion.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    initial_audience: int
    expanded_audience: int
    engagement_gate: float
    velocity_gate: float
    velocity_gate_absolute: float
    gates: str
    completion_gate: float
    amplification: float
    limited_penalty: float
    viral_steps: int
    velocity_half_life_steps: float
    test_steps: int


@policy("promotion", "staged", section="promotion")
class Staged:
    """Every upload starts with a test audience and moves on by engagement, velocity and completion."""

    def __init__(self, settings: StagedSettings) -> None:
        self.settings = settings

    def velocity_gate(self, view: View) -> float:
        """Events per hour that open the viral stage, for this population (spec 1.10 #24)."""
        s = self.settings
        if s.gates == "absolute":
            return s.velocity_gate_absolute
        return s.velocity_gate * view.active_users / 1000.0

    def due(self, view: View) -> StageChanges:
        """Judge tests that are complete, expanded videos that took off, and viral runs that are over."""
        s, items, catalogue = self.settings, view.items, view.catalogue
        stage, age = catalogue.stage, view.step - catalogue.stage_step
        impressions = np.maximum(items.impressions, 1).astype(np.float32)
        engaged = (items.likes + items.shares + items.comments).astype(np.float32) / impressions
        finished = items.completions.astype(np.float32) / impressions
        passes = engaged > np.float32(s.engagement_gate)
        tested = (items.impressions >= s.initial_audience) | (age >= s.test_steps)
        retested = items.impressions >= s.expanded_audience
        takes_off = (catalogue.velocity > np.float32(self.velocity_gate(view))) & (
            finished > np.float32(s.completion_gate)
        )
        target = stage.copy()
        target[(stage == INITIAL) & tested & passes] = EXPANDED
        target[(stage == INITIAL) & tested & ~passes] = LIMITED
        target[(stage == EXPANDED) & takes_off] = VIRAL
        target[(stage == EXPANDED) & ~takes_off & retested & ~passes] = LIMITED
        target[(stage == LIMITED) & takes_off] = EXPANDED
        target[(stage == VIRAL) & (age >= s.viral_steps)] = EXPANDED
        target[items.is_public == 0] = stage[items.is_public == 0]
        rows = np.nonzero(target != stage)[0]
        rows = rows[np.argsort(items.item[rows], kind="stable")]
        return StageChanges(rows.astype(np.uint32), target[rows])

    def boost(self, view: View) -> np.ndarray:
        """Viral videos are amplified, those that failed their test held back."""
        stage = view.catalogue.stage
        boost = np.zeros(len(stage), np.float32)
        boost[stage == VIRAL] = self.settings.amplification
        boost[stage == LIMITED] = -self.settings.limited_penalty
        return boost


@policy("promotion", "none", section="promotion")
class Unstaged(Staged):
    """No stages: every upload is treated as tested at once."""

    def due(self, view: View) -> StageChanges:
        """Move every new upload to the expanded stage."""
        rows = np.nonzero((view.catalogue.stage == INITIAL) & (view.items.is_public == 1))[0]
        rows = rows[np.argsort(view.items.item[rows], kind="stable")]
        return StageChanges(rows.astype(np.uint32), np.full(len(rows), EXPANDED, np.uint8))

    def boost(self, view: View) -> np.ndarray:
        """Nobody is boosted."""
        return np.zeros(len(view.items), np.float32)
