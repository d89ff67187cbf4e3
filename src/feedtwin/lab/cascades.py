"""Share trees of a run, from its log: who shared what after whom, and what the trees look like.

The upload is the root (node 0), as in the platform's cascade tracker; a user counts once per video, with the
first share. Structural virality (Goel et al. 2016) needs all pairs of nodes, so it is computed here and not
while the world runs.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from feedtwin.lab.metrics.cascades import Shape, shape
from feedtwin.lab.run_data import Array
from feedtwin.record.reader import Run
from feedtwin.schema.codes import SocialActivityKind

_QUERY = """
    SELECT item, user, parent, step FROM social_activity
    WHERE kind = {kind} ORDER BY item, step, user, ordinal
"""


def cascades(path: str | Path) -> dict[int, Shape]:
    """Return the shape of every share tree of a run with its full log, by video.

    Raises:
        RunFolderError: There is no run at `path`, or it keeps no log.
    """
    found = Run.open(path).sql(_QUERY.format(kind=int(SocialActivityKind.VIDEO_SHARED)))
    columns = {name: found.column(name).to_numpy() for name in found.column_names}
    return {item: shape(parent) for item, parent in share_trees(**columns)}


def share_trees(
    item: Array, user: Array, parent: Array, step: Array
) -> Iterator[tuple[int, Array]]:
    """Yield each video with its tree: the index of every node's parent, parents first, -1 for the upload.

    Args:
        item: Videos shared, u8 (N,), sorted by item and then step.
        user: Who shared.
        parent: Who shared it before, << 32 | 1; 0 for nobody.
        step: When.
    """
    for video, tree, _ in timed_trees(item, user, parent, step):
        yield video, tree


def timed_trees(
    item: Array, user: Array, parent: Array, step: Array
) -> Iterator[tuple[int, Array, Array]]:
    """Yield what `share_trees` yields, and the step of every node but the upload, i8 (nodes - 1,)."""
    edges = np.flatnonzero(np.diff(item)) + 1 if len(item) else np.zeros(0, np.int64)
    for rows in np.split(np.arange(len(item)), edges):
        if len(rows):
            order = rows[np.lexsort((user[rows], step[rows]))]
            columns = (user[order].tolist(), parent[order].tolist(), step[order].tolist())
            yield int(item[rows[0]]), *_tree(*columns)


def _tree(users: list[int], parents: list[int], steps: list[int]) -> tuple[Array, Array]:
    """Return one tree, and its nodes' steps, from sharers in the order of their shares."""
    above: dict[int, int | None] = {}
    when: dict[int, int] = {}
    for user, parent, step in zip(users, parents, steps, strict=True):
        above.setdefault(user, parent >> 32 if parent else None)
        when.setdefault(user, step)
    for user, sharer in above.items():  # nobody, somebody before the log began, or somebody later
        if sharer == user or sharer not in when or when[sharer] > when[user]:
            above[user] = None
    place: dict[int, int] = {}
    tree = [-1]
    while len(place) < len(above):
        ready = [
            user
            for user, sharer in above.items()
            if user not in place and (sharer is None or sharer in place)
        ]
        if not ready:  # shares that name each other: nobody was first, all are roots
            above |= {user: None for user in above if user not in place}
            continue
        for user in ready:
            sharer = above[user]
            tree.append(0 if sharer is None else place[sharer] + 1)
        place |= {user: len(place) + k for k, user in enumerate(ready)}
    return np.asarray(tree, np.int64), np.asarray([when[user] for user in place], np.int64)
