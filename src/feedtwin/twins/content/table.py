"""Columns of an item: what the Content twin owns. Predictors of behaviour are not policy-visible."""

from feedtwin.schema.tables import Column, TableSpec, declare


def _column(
    name: str,
    dtype: str,
    unit: str,
    meaning: str,
    *,
    visible: bool = True,
    shape: tuple[int, ...] = (),
) -> Column:
    return Column(name, dtype, shape, unit, meaning, visible)


ITEMS = declare(
    TableSpec(
        "items",
        "content",
        "item",
        (
            _column("item", "u8", "id", "creator << 32 | the creator's upload ordinal"),
            _column("creator", "u4", "id", "user who uploaded it"),
            _column("ordinal", "u4", "count", "the creator's n-th upload"),
            _column("category", "u2", "code", "row of the world's category table"),
            _column("hashtags", "u2", "code", "up to three hashtags; 0 none", shape=(3,)),
            _column("sound", "u4", "code", "sound of the video; 0 none"),
            _column("duration_s", "f4", "s", "length"),
            _column("created_step", "i4", "step", "when it was uploaded; negative before the run"),
            _column("is_public", "u1", "flag", "0 = no feed may choose it"),
            _column("kind", "u1", "code", "0 video, 1 ad"),
            _column("vector", "i1", "1/127", "compact content vector", shape=(50,)),
            _column("inv_norm", "f4", "1", "1 / norm of the integer vector"),
            _column("hook_strength", "f4", "1", "chance to hold a viewer, 0-1", visible=False),
            _column("quality", "f4", "1", "watch quality, 0-1", visible=False),
            _column("virality", "f4", "1", "viral potential, 0-1", visible=False),
            _column(
                "completion_prior",
                "f4",
                "completion",
                "expected completion once hooked",
                visible=False,
            ),
            _column("toxicity", "f4", "1", "how offensive it is, 0-1", visible=False),
            _column("origin", "u1", "code", "0 original, 1 duet, 2 stitch"),
            _column("parent", "u8", "id", "the video it answers; 0 none"),
            _column("text", "u4", "id", "caption; 0 none"),
            _column("label", "u1", "flag", "1 = carries a warning label"),
            _column("restricted", "u1", "flag", "1 = only for adults"),
            _column("slowed", "u1", "flag", "1 = spreads with friction"),
            _column("impressions", "u4", "count", "times shown and reached"),
            _column("skips", "u4", "count", "left before 3 s"),
            _column("likes", "u4", "count", "likes"),
            _column("shares", "u4", "count", "shares"),
            _column("comments", "u4", "count", "comments"),
            _column("completions", "u4", "count", "watched to the end"),
            _column("saves", "u4", "count", "times kept among the favourites"),
            _column("watch_ms", "u8", "ms", "total watch time"),
            Column(
                "touched_step", "i4", (), "step", "last step in which it was met", True, -1_000_000
            ),
        ),
    )
)

METADATA_COLUMNS = (
    "item", "creator", "ordinal", "category", "hashtags", "sound", "duration_s", "created_step",
    "is_public", "origin", "parent", "text",
)  # fmt: skip
"""What describes a video; the rest is state that the simulation adds."""
