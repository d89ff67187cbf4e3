"""Every question governance asks a policy, and the check of its answer. See `twins/platform/feed/asking.py`."""

from collections.abc import Callable
from dataclasses import fields

import numpy as np

from feedtwin.policies.interface import (
    NO_CATEGORY,
    PLAN_DAYS,
    CampaignPolicy,
    Forecast,
    ForecastPolicy,
    GovernancePolicy,
    Intervention,
    Plans,
    View,
)
from feedtwin.schema.codes import AnswerSource, GovernanceAction, TargetKind, TrendKind
from feedtwin.twins.platform.feed.asking import Asking

UPLOADS_MAX = 8
_ALLOWED = frozenset(GovernanceAction) - {GovernanceAction.DISMISS}
_STEPS_MAX = 2**31 - 1
_LIMITS = {
    "category": NO_CATEGORY, "hashtag": 0xFFFF, "sound": 0xFFFFFFFF, "uploads": UPLOADS_MAX,
    "text": 0xFFFFFFFF, "hour": 23, "live": 1, "call": 4,
}  # fmt: skip


def ask_forecast(
    policy: ForecastPolicy, view: View, rows_of: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return a forecast's kinds u1, keys u4, confidences f4 and sources u1: tracked keys, each once.

    Args:
        policy: Who is asked.
        view: What it may see.
        rows_of: Rows of tracked keys by kind and key, -1 for others.

    Raises:
        PolicyError: The answer is none.
    """
    with Asking(policy, view.step, "forecast.forecast") as asking:
        answer = policy.forecast(view)
        if not isinstance(answer, Forecast):
            raise asking.refuse(f"forecast is a {type(answer).__name__}", "a Forecast")
        columns = [np.asarray(answer.kind), np.asarray(answer.key), np.asarray(answer.confidence)]
    kind, key, confidence = columns
    if len({column.shape for column in columns}) > 1 or kind.ndim != 1:
        raise asking.refuse(
            f"forecast has columns of shapes {[column.shape for column in columns]}",
            "three columns of one length",
        )
    if kind.dtype.kind not in "iu" or key.dtype.kind not in "iu":
        raise asking.refuse(f"kind is {kind.dtype} and key {key.dtype}", "integers")
    if not set(kind.tolist()) <= set(TrendKind) or bool((key < 0).any()):
        raise asking.refuse(f"kinds {np.unique(kind)[:8].tolist()}", "1 to 3 and keys from 0")
    rows = rows_of(kind.astype(np.uint8), key.astype(np.uint32))
    if bool((rows < 0).any()):
        lost = int(key[rows < 0][0])
        raise asking.refuse(f"key {lost} is not tracked", "keys of view.trends")
    if len(np.unique(rows)) != len(rows):
        raise asking.refuse("a key is listed twice", "each key once")
    with np.errstate(invalid="ignore"):
        fits = bool(((confidence >= 0) & (confidence <= 1)).all())
    if confidence.dtype.kind not in "fiu" or not fits:
        raise asking.refuse("confidence is outside [0, 1] or no number", "numbers from 0 to 1")
    if answer.source not in set(AnswerSource):
        raise asking.refuse(f"source is {answer.source!r}", "an AnswerSource (1 to 3)")
    source = np.full(len(kind), answer.source, np.uint8)
    return kind.astype(np.uint8), key.astype(np.uint32), confidence.astype(np.float32), source


def ask_interventions(
    policy: GovernancePolicy, view: View, targets: Callable[[int, int], np.ndarray]
) -> list[Intervention]:
    """Return what a strategy wants: known actions on targets that exist, each once.

    Args:
        policy: Who is asked.
        view: What it may see.
        targets: Content rows of a target, by kind and id.

    Raises:
        PolicyError: The answer is none.
    """
    with Asking(policy, view.step, "governance.decide") as asking:
        wishes = list(asking.given(policy.decide(view), "a list of Intervention objects"))
    known: set[tuple[int, int, int]] = set()
    for place, wish in enumerate(wishes):
        if not isinstance(wish, Intervention):
            raise asking.refuse(
                f"intervention {place} is a {type(wish).__name__}", "Intervention objects"
            )
        problem = _problem(wish)
        if problem:
            raise asking.refuse(f"intervention {place}: {problem[0]}", problem[1])
        key = (int(wish.action), int(wish.target_kind), int(wish.target))
        if key in known:
            raise asking.refuse(f"intervention {place} repeats another", "each wish once")
        known.add(key)
        if not len(targets(key[1], key[2])):
            kind = TargetKind(wish.target_kind).name.lower()
            raise asking.refuse(
                f"intervention {place}: no video belongs to {kind} {wish.target}", "a known target"
            )
    return wishes


def _problem(wish: Intervention) -> tuple[str, str] | None:
    """Return what is amiss with a wish by itself, and what was expected."""
    whole = (wish.action, wish.target_kind, wish.target, wish.duration_steps)
    if any(isinstance(n, bool) or not isinstance(n, int | np.integer) for n in whole):
        return f"codes, target and duration are {whole}", "whole numbers"
    if wish.action not in _ALLOWED:
        return f"action {wish.action}", "a GovernanceAction of a controller (1 to 7)"
    if wish.target_kind not in set(TargetKind):
        return f"target kind {wish.target_kind}", "a TargetKind (1 to 5)"
    if not 0 <= wish.target < 2**64:
        return f"target {wish.target}", "an id from 0 to 2**64 - 1"
    if not 1 <= wish.duration_steps <= _STEPS_MAX:
        return f"duration of {wish.duration_steps} steps", f"1 to {_STEPS_MAX}"
    is_number = isinstance(wish.size, int | float | np.integer | np.floating)
    if not is_number or not 0 < wish.size < float(np.finfo(np.float32).max):
        return f"size {wish.size!r}", "a finite number above 0"
    return None


def ask_plans(
    policy: CampaignPolicy, view: View, creators: np.ndarray, categories: int
) -> dict[str, np.ndarray]:
    """Return a planner's answer: integers (N, 3) by column, all within bounds; `source` says who answered.

    Raises:
        PolicyError: The answer is none.
    """
    creators.flags.writeable = False
    with Asking(policy, view.step, "campaigns.plan") as asking:
        answer = policy.plan(view, creators)
        if not isinstance(answer, Plans):
            raise asking.refuse(f"plan is a {type(answer).__name__}", "Plans")
        columns = {
            item.name: np.asarray(getattr(answer, item.name))
            for item in fields(Plans)
            if item.name != "source"
        }
    shape = (len(creators), PLAN_DAYS)
    for name, column in columns.items():
        if column.shape != shape or column.dtype.kind not in "iu":
            raise asking.refuse(
                f"{name} is {column.dtype} of shape {column.shape}", f"integers {shape}"
            )
        if column.size and not 0 <= int(column.min()) <= int(column.max()) <= _LIMITS[name]:
            raise asking.refuse(
                f"{name} from {int(column.min())} to {int(column.max())}", f"0 to {_LIMITS[name]}"
            )
    category = columns["category"]
    if bool(((category >= categories) & (category != NO_CATEGORY)).any()):
        raise asking.refuse(
            f"category {int(category[category != NO_CATEGORY].max())}",
            f"0 to {categories - 1}, or {NO_CATEGORY} for none",
        )
    return {**columns, "source": _sources(asking, answer, len(creators))}


def _sources(asking: Asking, answer: Plans, count: int) -> np.ndarray:
    """Return who made each plan, u1 (N, 3)."""
    source = np.full(count, AnswerSource.SURROGATE) if answer.source is None else answer.source
    source = np.asarray(source)
    if source.shape != (count,) or not set(source.tolist()) <= set(AnswerSource):
        raise asking.refuse(f"source is {source[:8]}", f"{count} times an AnswerSource (1 to 3)")
    return np.repeat(source.astype(np.uint8)[:, None], PLAN_DAYS, axis=1)
