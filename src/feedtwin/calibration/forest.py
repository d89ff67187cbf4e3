"""Boosted trees as plain arrays: what a fit leaves behind, evaluated with NumPy alone.

Every tree reads features of one group only (people, videos with their surface, time), so that a sum of trees is a sum of
a person's number, a video's number and a time's number: columns.
"""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from feedtwin.datasets.adaptor import F8

I4 = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees of one model.

    Attributes:
        feature: (m,) feature number that a node compares; -1 = leaf.
        threshold: (m,) the left child is taken up to and including it.
        left, right: (m,) node numbers of the children.
        missing_left: (m,) 1 where a missing value goes left.
        value: (m,) value of a leaf.
        root: (T,) first node of each tree.
        group: (T,) group of the tree's features; -1 = a constant.
        base: (1,) value before the first tree.
    """

    feature: I4
    threshold: F8
    left: I4
    right: I4
    missing_left: npt.NDArray[np.uint8]
    value: F8
    root: I4
    group: I4
    base: F8

    def cut(self, trees: int) -> "Forest":
        """The first trees only."""
        end = int(self.root[trees]) if trees < len(self.root) else len(self.feature)
        kept = {f.name: getattr(self, f.name)[:end] for f in fields(self)}
        kept.update(root=self.root[:trees], group=self.group[:trees], base=self.base)
        return Forest(**kept)

    def constant(self) -> float:
        """What is added whatever the features are."""
        alone = self.root[self.group < 0]
        return float(self.base[0] + self.value[alone].sum())

    def of_group(self, group: int, features: F8) -> F8:
        """Sum of the trees of one group.

        Args:
            group: the group.
            features: (n, F) features by the numbers of the fit; only the group's are read.

        Returns:
            (n,) float64.
        """
        total = np.zeros(len(features))
        for root in self.root[self.group == group].tolist():
            total += self._walk(root, features)
        return total

    def _walk(self, root: int, features: F8) -> F8:
        node = np.full(len(features), root, dtype=np.int32)
        active = np.flatnonzero(self.feature[node] >= 0)
        while len(active):
            at = node[active]
            x = features[active, self.feature[at]]
            missing = np.isnan(x)
            goes_left = np.where(missing, self.missing_left[at] == 1, x <= self.threshold[at])
            node[active] = np.where(goes_left, self.left[at], self.right[at])
            active = active[self.feature[node[active]] >= 0]
        result: F8 = self.value[node]
        return result
