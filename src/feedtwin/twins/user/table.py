"""Columns of a user: what the User twin owns. True taste is not policy-visible."""

from feedtwin.schema.tables import Column, TableSpec, declare

NO_TOPIC = 0xFFFF
TRACES = 6
"""Topics a user's short-term store holds at once."""


def _column(
    name: str,
    dtype: str,
    unit: str,
    meaning: str,
    *,
    visible: bool = False,
    shape: tuple[int, ...] = (),
    fill: float = 0,
) -> Column:
    return Column(name, dtype, shape, unit, meaning, visible, fill)


USERS = declare(
    TableSpec(
        "users",
        "user",
        "user",
        (
            _column(
                "tier",
                "u1",
                "code",
                "0 elite, 1 active, 2 casual, 3 consumer",
                visible=True,
                fill=3,
            ),
            _column("persona", "u1", "code", "persona template; 255 none", fill=255),
            _column(
                "age_group",
                "u1",
                "code",
                "0 minor, then 18-24, 25-34, 35-44, 45-54, 55 and older",
                visible=True,
                fill=2,
            ),
            _column(
                "member",
                "u1",
                "code",
                "0 nobody or not yet, 1 member, 2 left for good",
                visible=True,
                fill=1,
            ),
            _column(
                "joined_day", "u2", "day", "day of the sign-up; 0 before the run", visible=True
            ),
            _column("expertise", "u2", "code", "category a creator is at home in", visible=True),
            _column(
                "activity", "f4", "1", "sessions relative to the mean user; 0 never opens the app"
            ),
            _column("upload_rate", "f4", "videos/day", "mean uploads per day"),
            _column(
                "attention_span_s", "f4", "s", "how long a dull video is endured, 0.1-120", fill=6
            ),
            _column("humor_affinity", "u1", "1/255", "liking of comedy", fill=128),
            _column(
                "toxicity_tolerance", "u1", "1/255", "toxicity at which the user reports", fill=128
            ),
            _column("like_logit", "f4", "logit", "like tendency"),
            _column("share_logit", "f4", "logit", "share tendency"),
            _column("comment_logit", "f4", "logit", "comment tendency"),
            _column("follow_logit", "f4", "logit", "follow tendency"),
            _column("stamina_s", "f4", "s", "watching time that wears the user out", fill=600),
            _column("patience", "u1", "count", "boredom at which the user leaves", fill=8),
            _column(
                "interests", "i1", "1/127", "short-term interests; drive the match", shape=(50,)
            ),
            _column("taste", "i2", "1/32512", "long-term interests", shape=(50,)),
            _column(
                "trace_topic",
                "u2",
                "code",
                "topics in memory; 65535 none",
                shape=(TRACES,),
                fill=NO_TOPIC,
            ),
            _column("trace_strength", "f4", "1", "strength S of each trace", shape=(TRACES,)),
            _column("trace_step", "i4", "step", "last access of each trace", shape=(TRACES,)),
            _column("trace_count", "u1", "count", "spaced accesses of each trace", shape=(TRACES,)),
            _column("energy", "f4", "1", "0 exhausted to 1 rested", fill=1),
            _column("boredom", "u1", "count", "dull videos not yet made up for"),
            _column("satisfaction", "f4", "1", "rolling mean of what videos gave", fill=0.5),
            _column("loyalty", "f4", "1", "slow mean of how sessions satisfied", fill=0.4),
            _column("in_session", "u1", "flag", "1 while a session is open", visible=True),
            _column("session", "u4", "count", "sessions started so far", visible=True),
            _column("request", "u4", "count", "feed requests made so far", visible=True),
            _column(
                "session_impressions",
                "u2",
                "count",
                "impressions in the open session",
                visible=True,
            ),
            _column("session_watch_ms", "u4", "ms", "watch time in the open session", visible=True),
            _column(
                "last_step", "i4", "step", "start of the latest session", visible=True, fill=-24
            ),
            _column(
                "days_active",
                "u4",
                "bits",
                "bit k: a session on the k-th day after joining",
                visible=True,
            ),
            _column("upload_count", "u4", "count", "videos uploaded so far", visible=True),
            _column("social_count", "u4", "count", "social activities so far", visible=True),
            _column("follower_count", "u4", "count", "followers", visible=True),
            _column("following_count", "u4", "count", "creators followed", visible=True),
        ),
    )
)

MEMORY_COLUMNS = ("trace_topic", "trace_strength", "trace_step", "trace_count")
"""The memory store, counted apart from the rest of a user's state."""
