"""Columns the Platform twin owns: its estimate of each user and its view of each item."""

from feedtwin.schema.tables import Column, TableSpec, declare

STAGE_INITIAL, STAGE_EXPANDED, STAGE_VIRAL, STAGE_LIMITED = 0, 1, 2, 3
STAGE_NAMES = ("INITIAL_EXPOSURE", "EXPANDED_EXPOSURE", "VIRAL_STAGE", "LIMITED_EXPOSURE")

ACCOUNTS = declare(
    TableSpec(
        "accounts",
        "platform",
        "user",
        (
            Column(
                "estimate",
                "i2",
                (50,),
                "1/32512",
                "estimate of the user's interests, learned from behaviour",
                True,
            ),
            Column(
                "seen_count", "u4", (), "count", "impressions filed in the seen-store so far", True
            ),
            Column(
                "latest_row",
                "u4",
                (),
                "row",
                "content row of the user's latest public video; 4294967295 none",
                True,
                0xFFFFFFFF,
            ),
            Column(
                "share_row",
                "u4",
                (),
                "row",
                "content row of the video that the user shared last; 4294967295 none",
                True,
                0xFFFFFFFF,
            ),
            Column("share_step", "i4", (), "step", "when the user shared it", True),
        ),
    )
)

HISTORY = declare(
    TableSpec(
        "history",
        "platform",
        "user",
        (
            # The width is a parameter (platform.seen_size); the twin replaces this shape when it is built.
            Column(
                "seen_row",
                "u4",
                (1024,),
                "row",
                "content rows of past impressions, a ring",
                True,
            ),
        ),
    )
)

CATALOGUE = declare(
    TableSpec(
        "catalogue",
        "platform",
        "item",
        (
            Column(
                "stage",
                "u1",
                (),
                "code",
                "exposure stage: 0 initial, 1 expanded, 2 viral, 3 limited",
                True,
            ),
            Column("stage_step", "i4", (), "step", "when the stage was entered", True),
            Column(
                "velocity",
                "f4",
                (),
                "events/h",
                "smoothed engagements and finished views per hour",
                True,
            ),
            Column(
                "counted",
                "u4",
                (),
                "count",
                "engagements and finished views at the last barrier",
                True,
            ),
        ),
    )
)
