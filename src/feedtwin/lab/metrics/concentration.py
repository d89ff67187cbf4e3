"""How unequally views fall on videos and on creators. Three different numbers, each with its population."""

import numpy as np

from feedtwin.lab.metrics.metric import metric
from feedtwin.lab.run_data import Array, RunData


def gini(exposure: Array) -> float | None:
    """Return the Gini coefficient of non-negative counts, zeros included.

    Args:
        exposure: Integer counts of all who are eligible, (n,).

    Returns:
        sum_i (2 i - n - 1) x_(i) / (n sum x), ascending, in [0, 1 - 1/n]; None without any count.
    """
    values = np.sort(exposure.astype(np.int64))
    count, total = len(values), int(values.sum())
    if not total:
        return None
    weights = 2 * np.arange(1, count + 1, dtype=np.int64) - count - 1
    return int((weights * values).sum()) / (count * total)


def top_share(exposure: Array, share: float) -> float | None:
    """Return the part of all counts that the top `share` holds; at least one counts as the top."""
    values = np.sort(exposure.astype(np.int64))[::-1]
    total = int(values.sum())
    if not total:
        return None
    return int(values[: max(1, int(np.ceil(share * len(values))))].sum()) / total


def video_views(data: RunData) -> Array:
    """Views (impressions met - skips) of every public video, int64, zeros included."""
    public = data.items["is_public"] == 1
    views = data.items["impressions"].astype(np.int64) - data.items["skips"].astype(np.int64)
    return views[public]


def creator_views(data: RunData) -> Array:
    """Views of every creator with at least one public video, int64, zeros included."""
    creators = data.items["creator"][data.items["is_public"] == 1]
    _, index = np.unique(creators, return_inverse=True)
    sums = np.zeros(int(index.max(initial=-1)) + 1, np.int64)
    np.add.at(sums, index, video_views(data))
    return sums


@metric(
    "view_gini_videos",
    "view Gini of videos",
    unit="1",
    direction="lower",
    formula="Gini of views over all public videos at the end, never-seen ones included",
    needs="items.impressions items.skips items.is_public",
)
def view_gini_videos(data: RunData) -> float | None:
    """Inequality of views among videos."""
    return gini(video_views(data))


@metric(
    "view_gini_creators",
    "view Gini of creators",
    unit="1",
    direction="lower",
    formula="Gini of views over all users with at least one public video, never-seen ones included",
    needs="items.impressions items.skips items.is_public items.creator",
)
def view_gini_creators(data: RunData) -> float | None:
    """Inequality of views among creators; people who never posted are not in it."""
    return gini(creator_views(data))


@metric(
    "top1_view_share",
    "views of the top 1 % of videos",
    unit="share",
    direction="lower",
    formula="views of the most viewed 1 % (rounded up) of public videos / all views",
    needs="items.impressions items.skips items.is_public",
)
def top1_view_share(data: RunData) -> float | None:
    """What the top one per cent of videos holds."""
    return top_share(video_views(data), 0.01)
