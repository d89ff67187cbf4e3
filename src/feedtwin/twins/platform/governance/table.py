"""Columns of governance: trends, forecasts, cascades, interventions, reports.

All start empty and grow with what happens, so that a world without governance carries nothing of it, and a
fork may switch it on.
"""

from feedtwin.schema.tables import Column, TableSpec, declare

BUCKETS = 24
"""Hours of counts that a trend keeps: the longest window, and the hour being filled."""
POINTS = 4
"""Velocities that a trend remembers: now and the three steps before."""
LEVELS = 16
"""Depths of a cascade that are counted one by one; deeper shares count in the last."""
STATES = 8
"""States of a key when it was forecast, by which confidence is calibrated."""


def _column(
    name: str,
    dtype: str,
    unit: str,
    meaning: str,
    *,
    shape: tuple[int, ...] = (),
    visible: bool = True,
    fill: float = 0,
) -> Column:
    return Column(name, dtype, shape, unit, meaning, visible, fill)


TRENDS = declare(
    TableSpec(
        "trends",
        "platform",
        "trend",
        (
            _column("kind", "u1", "code", "1 hashtag, 2 sound, 3 category"),
            _column("key", "u4", "id", "hashtag, sound or category"),
            _column("engaged", "u4", "count", "engagements by hour of a ring", shape=(BUCKETS,)),
            _column("uploads", "u4", "count", "uploads by hour of a ring", shape=(BUCKETS,)),
            _column("velocity", "f4", "1/h", "signal per hour: now, and before", shape=(POINTS,)),
            _column("upload_velocity", "f4", "1/h", "uploads with the key per hour in the window"),
            _column("volume", "u4", "count", "signal in the window"),
            _column("usual", "f4", "1/h", "velocity that is usual for the key at this hour"),
            _column("usual_share", "f4", "share", "remembered share of all signal of its kind"),
            _column("peak", "f4", "1/h", "greatest velocity since the key emerged"),
            _column("peak_step", "i4", "step", "when that was"),
            _column("lifecycle", "u1", "code", "0 none, 1 emergence, 2 peak, 3 decline"),
            _column("since_step", "i4", "step", "when the lifecycle was entered"),
            _column("first_step", "i4", "step", "when the key was first met"),
        ),
    )
)

FORECAST = declare(
    TableSpec(
        "forecast",
        "platform",
        "rank",
        (
            _column("kind", "u1", "code", "1 hashtag, 2 sound, 3 category; 0 no entry"),
            _column("key", "u4", "id", "hashtag, sound or category"),
            _column("confidence", "f4", "probability", "chance of reaching its peak in time"),
            _column("issued_step", "i4", "step", "when the forecast was made", fill=-1),
        ),
    )
)

FORESIGHT = declare(
    TableSpec(
        "foresight",
        "platform",
        "state",
        (
            _column("judged", "u4", "count", "forecasts made in this state and judged since"),
            _column("came_true", "u4", "count", "how many of them came true"),
        ),
    )
)

FORETOLD = declare(
    TableSpec(
        "foretold",
        "platform",
        "open forecast",
        (
            _column("kind", "u1", "code", "1 hashtag, 2 sound, 3 category; 0 closed"),
            _column("key", "u4", "id", "hashtag, sound or category"),
            _column("confidence", "f4", "probability", "confidence when it was opened"),
            _column("issued_step", "i4", "step", "when it was opened"),
            _column(
                "condition",
                "u1",
                "code",
                "state of the key then: 4 if emerging, + 0 to 3 by velocity",
            ),
        ),
    )
)

CASCADES = declare(
    TableSpec(
        "cascades",
        "platform",
        "item",
        (
            _column("item", "u8", "id", "the video shared"),
            _column("size", "u4", "count", "users who shared it"),
            _column("roots", "u4", "count", "of them, those who met it without a share"),
            _column("levels", "u4", "count", "sharers by depth, from 1", shape=(LEVELS,)),
            _column("depth", "u2", "shares", "longest chain of shares"),
            _column("parents", "u4", "count", "sharers whose share was shared on"),
            _column("first_step", "i4", "step", "first share"),
            _column("last_step", "i4", "step", "latest share"),
        ),
    )
)

SHARES = declare(
    TableSpec(
        "shares",
        "platform",
        "share",
        (
            _column("cascade", "u4", "row", "row of the cascade"),
            _column("user", "u4", "id", "who shared"),
            _column("depth", "u2", "shares", "place in the chain, from 1"),
            _column("children", "u4", "count", "shares that came of it"),
        ),
    )
)

INTERVENTIONS = declare(
    TableSpec(
        "interventions",
        "platform",
        "intervention",
        (
            _column("action", "u1", "code", "1 boost, 2 suppress, others as GovernanceAction"),
            _column(
                "target_kind", "u1", "code", "1 item, 2 creator, 3 hashtag, 4 sound, 5 category"
            ),
            _column("target", "u8", "id", "what it aims at"),
            _column("size", "f4", "odds ratio", "factor on the odds of exposure"),
            _column("since_step", "i4", "step", "when it was applied"),
            _column("until_step", "i4", "step", "first step in which it no longer holds"),
        ),
    )
)

REPORTS = declare(
    TableSpec(
        "reports",
        "platform",
        "item",
        (
            _column("item", "u8", "id", "the video reported"),
            _column("count", "u4", "count", "reports since the last review"),
            _column("first_step", "i4", "step", "first of them"),
            _column("reviews", "u2", "count", "reviews so far"),
            _column("status", "u1", "code", "0 open, else the GovernanceAction of the last review"),
        ),
    )
)
