"""Guard rails: what of a strategy's wishes may happen. Spec GOV-3: safety checks, goal constraints, rates.

Checks in order; the first that fails blocks a wish:

1. at most `per_step_max` actions in a step, and `per_target_max` on one target within a day;
2. for boosts and suppressions: a cool-down per target after the last one, and a budget of those in force;
3. goals: no boost while the top 1 % of videos hold more of all impressions than `top_share_max`; nothing that
   would bring the share of the public supply under restraint above `suppressed_share_max`.

What passes is clipped to the bounds on size and duration.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from feedtwin.policies.interface import Intervention
from feedtwin.schema.codes import GovernanceAction, GuardResult
from feedtwin.schema.targets import targeted
from feedtwin.twins.part import Sight
from feedtwin.twins.platform.governance.interventions import DAY, EXPOSURE, Interventions

_RESTRAINTS = (GovernanceAction.SUPPRESS, GovernanceAction.AGE_GATE, GovernanceAction.REMOVE)


@dataclass(frozen=True)
class Limits:
    """The bounds; see `parameters/governance.yaml`."""

    size_max: float
    duration_max_steps: int
    per_step_max: int
    per_target_max: int
    cool_down_steps: int
    active_max: int
    top_share_max: float
    suppressed_share_max: float


@dataclass(frozen=True)
class Checked:
    """What is to be done about one wish."""

    wish: Intervention
    size: float
    duration_steps: int
    result: GuardResult


class Guard:
    """Checks the wishes of one step, one after another: what passed counts against the next."""

    def __init__(self, limits: Limits, running: Interventions, sight: Sight, step: int) -> None:
        self._limits, self._sight, self._step = limits, sight, step
        t = running.table
        self._past = [
            (int(action), int(kind), int(target), int(since), int(until))
            for action, kind, target, since, until in zip(
                t.action, t.target_kind, t.target, t.since_step, t.until_step, strict=True
            )
            if action
        ]
        self._passed = 0
        self._top_share: float | None = None
        self._restrained: np.ndarray | None = None

    def check(self, wishes: Sequence[Intervention]) -> list[Checked]:
        """Return one result per wish, in order."""
        return [self._check(wish) for wish in wishes]

    def _check(self, wish: Intervention) -> Checked:
        if self._is_blocked(wish):
            return Checked(wish, float(wish.size), wish.duration_steps, GuardResult.BLOCKED)
        size, duration = self._clipped(wish)
        lasting = wish.action in EXPOSURE
        same = size == float(wish.size) and (duration == wish.duration_steps or not lasting)
        until = self._step + (duration if lasting else 0)
        self._past.append((wish.action, wish.target_kind, wish.target, self._step, until))
        self._passed += 1
        return Checked(wish, size, duration, GuardResult.PASSED if same else GuardResult.CLIPPED)

    def _clipped(self, wish: Intervention) -> tuple[float, int]:
        """Return size and duration within their bounds; a boost is above 1, a suppression below.

        Other actions have neither: they hold until they are restored.
        """
        limit = self._limits.size_max
        low, high = {
            GovernanceAction.BOOST: (1.0, limit),
            GovernanceAction.SUPPRESS: (1.0 / limit, 1.0),
        }.get(GovernanceAction(wish.action), (1.0, 1.0))
        longest = self._limits.duration_max_steps
        duration = min(wish.duration_steps, longest) if wish.action in EXPOSURE else 1
        return min(max(float(wish.size), low), high), duration

    def _is_blocked(self, wish: Intervention) -> bool:
        return (
            self._exceeds_rates(wish)
            or (wish.action in EXPOSURE and self._exceeds_budget(wish))
            or (wish.action == GovernanceAction.BOOST and self._is_concentrated())
            or (wish.action in _RESTRAINTS and self._restrains_too_much(wish))
        )

    def _of_target(self, wish: Intervention) -> list[tuple[int, int, int, int, int]]:
        return [one for one in self._past if one[1:3] == (wish.target_kind, wish.target)]

    def _exceeds_rates(self, wish: Intervention) -> bool:
        today = [one for one in self._of_target(wish) if one[3] > self._step - DAY]
        full = self._passed >= self._limits.per_step_max
        return full or len(today) >= self._limits.per_target_max

    def _exceeds_budget(self, wish: Intervention) -> bool:
        lasting = [one for one in self._past if one[0] in EXPOSURE]
        active = sum(until > self._step for *_, until in lasting)
        resting = self._limits.cool_down_steps
        recent = any(
            one[0] in EXPOSURE and one[4] + resting > self._step for one in self._of_target(wish)
        )
        return recent or active >= self._limits.active_max

    def _is_concentrated(self) -> bool:
        if self._top_share is None:
            self._top_share = top_share(self._sight.items.impressions)
        return self._top_share > self._limits.top_share_max

    def _restrains_too_much(self, wish: Intervention) -> bool:
        """Whether the wish would bring too much of the public supply under restraint; else count it."""
        items, rows_of = self._sight.items, self._sight.rows_of
        if self._restrained is None:
            self._restrained = items.restricted == 1
            for action, kind, target, _, until in self._past:
                if action == GovernanceAction.SUPPRESS and until > self._step:
                    self._restrained[targeted(items, rows_of, kind, target)] = True
        tried = self._restrained.copy()
        tried[targeted(items, rows_of, wish.target_kind, wish.target)] = True
        public = items.is_public == 1
        count = int(np.count_nonzero(tried & public))
        if count > self._limits.suppressed_share_max * max(int(np.count_nonzero(public)), 1):
            return True
        self._restrained = tried
        return False


def top_share(impressions: np.ndarray) -> float:
    """Return the share of all impressions that the most shown 1 % (rounded up) of videos hold, 0 for none."""
    total = int(impressions.sum(dtype=np.int64))
    if not total:
        return 0.0
    count = -(-len(impressions) // 100)
    top = np.partition(impressions, len(impressions) - count)[len(impressions) - count :]
    return int(top.sum(dtype=np.int64)) / total
