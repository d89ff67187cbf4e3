"""The shape of share trees: pure functions over parents.

A forest of n nodes is an integer array `parent` (n,): the index of the node from which each came, -1 for
a root. Parents come before their children. Young cascades are still growing: whoever reads these
numbers of them must say so.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from feedtwin.errors import SchemaError
from feedtwin.lab.run_data import Array

ROOT: Final = -1


@dataclass(frozen=True)
class Shape:
    """What a cascade looks like.

    Attributes:
        size: Nodes.
        depth: Longest path from a root, in edges.
        mean_depth: Mean distance of all nodes from their root.
        breadth: Nodes on the fullest level.
        branching: Mean children of the nodes that have any; None where no node has.
        reproduction: Children per node, level by level: (levels - 1,).
        structural_virality: Mean distance over ordered pairs of distinct nodes; None of one node or of
            several trees.
    """

    size: int
    depth: int
    mean_depth: float
    breadth: int
    branching: float | None
    reproduction: tuple[float, ...]
    structural_virality: float | None


def shape(parent: Array) -> Shape:
    """Return the shape of a cascade.

    Args:
        parent: Index of each node's parent, -1 for a root, parents first, (n,), n at least 1.

    Raises:
        SchemaError: A parent does not come before its child, or there is no node.
    """
    level = depths(parent)
    sizes = np.bincount(level)
    children = np.bincount(parent[parent >= 0], minlength=len(parent))
    leading = children[children > 0]
    return Shape(
        size=len(parent),
        depth=int(level.max()),
        mean_depth=float(level.mean()),
        breadth=int(sizes.max()),
        branching=float(leading.mean()) if len(leading) else None,
        reproduction=tuple((sizes[1:] / sizes[:-1]).tolist()),
        structural_virality=structural_virality(parent),
    )


def depths(parent: Array) -> Array:
    """Return each node's distance from its root in edges, int64 (n,); see `shape`."""
    if not len(parent):
        raise SchemaError("a cascade of no nodes; expected at least one")
    level = np.zeros(len(parent), np.int64)
    for node, above in enumerate(parent.tolist()):
        if above != ROOT and not 0 <= above < node:
            raise SchemaError(
                f"cascade: node {node} has parent {above}; expected -1 or a node before it"
            )
        level[node] = 0 if above == ROOT else level[above] + 1
    return level


def structural_virality(parent: Array) -> float | None:
    """Return the mean distance over ordered pairs of distinct nodes of one tree (Goel et al. 2016).

    By subtree sizes, in time linear in the nodes: the edge above a node lies on the path of every pair of
    which one node is below it. 2 - 2 / n for a star of n nodes, (n + 1) / 3 for a path.

    Args:
        parent: Index of each node's parent, -1 for the root, parents first, (n,).
    """
    count = len(parent)
    if count < 2 or int(np.count_nonzero(parent == ROOT)) != 1:
        return None
    below = [1] * count
    for node in range(count - 1, 0, -1):
        below[int(parent[node])] += below[node]
    crossed = sum(size * (count - size) for size in below[1:])
    return 2 * crossed / (count * (count - 1))
