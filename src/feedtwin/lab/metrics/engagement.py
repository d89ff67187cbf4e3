"""What people do beyond watching."""

from feedtwin.lab.metrics.metric import metric, ratio
from feedtwin.lab.run_data import RunData


@metric(
    "like_rate",
    "likes",
    unit="share",
    direction="higher",
    formula="likes / impressions met",
    needs="likes impressions",
    headline=True,
    control="user.like_logit_mean=-1 user.share_logit_mean=-2 user.comment_logit_mean=-2 user.follow_logit_mean=-2 up",
)
def like_rate(data: RunData) -> float | None:
    """Likes per impression."""
    return ratio(data["likes"], data["impressions"])


@metric(
    "share_rate",
    "shares",
    unit="share",
    direction="higher",
    formula="shares / impressions met",
    needs="shares impressions",
    headline=True,
    control="user.like_logit_mean=-1 user.share_logit_mean=-2 user.comment_logit_mean=-2 user.follow_logit_mean=-2 up",
)
def share_rate(data: RunData) -> float | None:
    """Shares per impression."""
    return ratio(data["shares"], data["impressions"])


@metric(
    "comment_rate",
    "comments",
    unit="share",
    direction="higher",
    formula="comments / impressions met",
    needs="comments impressions",
    headline=True,
    control="user.like_logit_mean=-1 user.share_logit_mean=-2 user.comment_logit_mean=-2 user.follow_logit_mean=-2 up",
)
def comment_rate(data: RunData) -> float | None:
    """Comments per impression."""
    return ratio(data["comments"], data["impressions"])


@metric(
    "follows",
    "new follows",
    unit="count",
    direction="higher",
    formula="follow edges added during the run",
    needs="follows",
    empty=0,
    headline=True,
    control="user.like_logit_mean=-1 user.share_logit_mean=-2 user.comment_logit_mean=-2 user.follow_logit_mean=-2 up",
)
def follows(data: RunData) -> float | None:
    """Follow edges added."""
    return data["follows"]
