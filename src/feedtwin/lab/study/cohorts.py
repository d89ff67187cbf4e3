"""Parts of the population: who belongs, and what a run says about them.

A cohort is defined by an attribute that exists before any arm acts. Of creators, tables suffice: their videos
and accounts are kept and the others left out. Of viewers, totals are counted again from the log.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from feedtwin.errors import SettingsError
from feedtwin.lab.metrics.metric import Metric
from feedtwin.lab.run_data import Array, RunData
from feedtwin.lab.study.file_schema import CohortPart
from feedtwin.lab.study.plan import Arm, Cohort
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.cohorts import AGE_GROUPS, TIERS
from feedtwin.schema.nearest import suggest

ATTRIBUTES: Final = (
    "tier", "age_group", "persona", "activity", "attention_span_s", "loyalty", "member", "adopts_at",
)  # fmt: skip
"""Columns of the users table that are fixed when a person is made; `adopts_at` follows from who they are."""
NEVER: Final = 2.0
"""`adopts_at` of consumers, who get no campaign plans."""
LABELS: Final[dict[str, tuple[str, ...]]] = {"tier": TIERS, "age_group": AGE_GROUPS}
"""Columns whose values have names, in the order of their codes."""
VIEWER_TOTALS: Final[dict[str, str]] = {
    "impressions": "(SELECT count(*) FROM met)",
    "skips": "(SELECT count(*) FROM met WHERE skipped)",
    "watch_ms": "(SELECT coalesce(sum(watch_ms), 0) FROM met)",
    "completions": "(SELECT count(*) FROM met WHERE completion >= 1)",
    "likes": "(SELECT count(*) FROM done WHERE engagement = 1)",
    "shares": "(SELECT count(*) FROM done WHERE engagement = 2)",
    "comments": "(SELECT count(*) FROM done WHERE engagement = 3)",
}
"""Totals that the log gives for some viewers, as SQL over `met` and `done`."""
At = Callable[[str], Callable[[str], SettingsError]]


def cohorts_of(
    parts: Mapping[str, CohortPart], arms: Mapping[str, Arm], at: At
) -> dict[str, Cohort]:  # fmt: skip
    """Return the cohorts of a study file.

    Raises:
        SettingsError: A column is unknown or is an outcome, a tier has no such name, or an arm is unknown.
    """
    found = {}
    for name, part in parts.items():
        path = f"cohorts.{name}"
        if part.column not in ATTRIBUTES and part.read_from is None:
            raise at(f"{path}.column")(
                f"cohort {name}: {part.column!r} is no attribute that people have before an arm acts"
                f"{suggest(part.column, ATTRIBUTES)} (there is: {', '.join(ATTRIBUTES)}). With `read_from: ARM` the users "
                "table of one arm says who belongs, in every arm of a replicate"
            )
        if part.read_from is not None and part.read_from not in arms:
            raise at(f"{path}.read_from")(
                f"cohort {name}: no arm is called {part.read_from!r}{suggest(part.read_from, arms)}"
            )
        values = _values(name, part, at(f"{path}.is"))
        found[name] = Cohort(
            name, part.of, part.column, values, part.top, part.bottom, part.read_from, part.at_least,
            part.below,
        )  # fmt: skip
    return found


def _values(name: str, part: CohortPart, refuse: Callable[[str], SettingsError]) -> tuple[int, ...]:
    listed = part.is_ if isinstance(part.is_, list) else [part.is_]
    values = []
    for value in listed if part.is_ is not None else []:
        if isinstance(value, int):
            values.append(value)
        elif value in (labels := LABELS.get(part.column, ())):
            values.append(labels.index(value))
        else:
            expected = f"one of {', '.join(labels)}, or its code" if labels else "a number"
            raise refuse(
                f"cohort {name}: {part.column} is never {value!r}{suggest(str(value), labels)}; expected {expected}"
            )
    return tuple(values)


def why_not(metric: Metric, cohort: Cohort) -> str:
    """Return why a metric does not exist in a cohort, or ""."""
    if cohort.of == "creators":
        other = [need for need in metric.needs if not need.startswith(("items.", "users."))]
        if other:
            return (
                f"{metric.name} reads {other[0]}, which is not kept by creator; expected a metric of the tables of "
                "videos and users (`feedtwin list metrics --json`: needs)"
            )
        return ""
    other = [need for need in metric.needs if need not in VIEWER_TOTALS]
    if other:
        return (
            f"{metric.name} reads {other[0]}, which cannot be counted for some viewers only; expected a metric of "
            f"{', '.join(VIEWER_TOTALS)}"
        )
    return ""


def with_adoption(data: RunData) -> dict[str, Array]:
    """Return the users table with `adopts_at`: the adoption share from which a creator follows campaign plans.

    It is the keyed draw that `campaigns.adoption` is compared with, so who adopts at 20 % also does at 50 %.
    """
    draws = Draws(data.seed, data.replicate)
    place = draws.uniform(Stream.CAMPAIGN_ADOPTION, data.users["user"].astype(np.uint32))
    can = data.users["tier"] < TIERS.index("consumer")
    return {**data.users, "adopts_at": np.where(can, place, np.float32(NEVER))}


def members(users: Mapping[str, Array], cohort: Cohort) -> Array:
    """Return the sorted ids of who belongs.

    Args:
        users: The users table, (U,) each, members only.
        cohort: Which part; ties at the edge of `top` and `bottom` go by user id.

    Raises:
        SettingsError: The table does not have the column.
    """
    if cohort.column not in users:
        raise SettingsError(
            f"cohort {cohort.name}: this world's users have no {cohort.column!r}; there is: {', '.join(users)}"
        )
    ids, values = users["user"], users[cohort.column]
    if cohort.at_least is not None or cohort.below is not None:
        low = -np.inf if cohort.at_least is None else np.float32(cohort.at_least)
        high = np.inf if cohort.below is None else np.float32(cohort.below)
        return np.sort(ids[(values >= low) & (values < high)])
    if cohort.values:
        return np.sort(ids[np.isin(values, cohort.values)])
    order = np.lexsort((ids, values))
    if cohort.top is not None:
        return np.sort(ids[order[len(order) - round(len(order) * cohort.top) :]])
    assert cohort.bottom is not None
    return np.sort(ids[order[: round(len(order) * cohort.bottom)]])


def restricted(data: RunData, cohort: Cohort, ids: Array) -> RunData:
    """Return what a run says about some people only; metrics for which `why_not` has a reason do not hold."""
    if cohort.of == "viewers":
        return replace(data, totals=_viewer_totals(data, ids), items={}, users={})
    kept = np.isin(data.items["creator"], ids)
    people = np.isin(data.users["user"], ids)
    items = {name: values[kept] for name, values in data.items.items()}
    users = {name: values[people] for name, values in data.users.items()}
    return replace(data, totals={}, items=items, users=users)


def _viewer_totals(data: RunData, ids: Array) -> dict[str, int]:
    """Totals of some viewers' impressions, in whole numbers."""
    who = ", ".join(str(int(one)) for one in ids) or "NULL"
    found: dict[str, Any] = data.events(
        f"""
        WITH met AS (
            SELECT watch_ms, completion, false AS skipped FROM video_watched
            WHERE STEPS AND "user" IN ({who})
            UNION ALL SELECT watch_ms, 0 AS completion, true AS skipped FROM video_skipped
            WHERE STEPS AND "user" IN ({who})
        ), done AS (
            SELECT engagement FROM video_engaged WHERE STEPS AND "user" IN ({who})
        )
        SELECT {", ".join(f'CAST({sql} AS BIGINT) AS "{name}"' for name, sql in VIEWER_TOTALS.items())}
        """
    )
    return {name: int(values[0]) for name, values in found.items()}
