"""Whether exposure goes to creators and videos fairly, under a model of attention that is written down.

A slot at position k (from 0) of a served slate is worth v(k) = 1 / log2(k + 2), reached or not: 1, 0.63,
0.5, ... A video's exposure is the sum over the slots that it was served in.
"""

from typing import Final

import numpy as np

from feedtwin.lab.metrics.metric import metric
from feedtwin.lab.run_data import Array, RunData

_SLOTS: Final = "log.impression_served items.item items.is_public"


def attention(slot: Array) -> Array:
    """Return what a slot is worth, 1 / log2(slot + 2), as in discounted cumulative gain."""
    return 1 / np.log2(slot.astype(np.float64) + 2)


def exposures(data: RunData) -> Array:
    """Return the exposure of every video in the order of the items table, float64 (V,)."""
    found = data.events(
        "SELECT item, slot, count(*) AS served FROM impression_served WHERE STEPS "
        "GROUP BY ALL ORDER BY item, slot"
    )
    order = np.argsort(data.items["item"], kind="stable")
    row = order[np.searchsorted(data.items["item"][order], found["item"])]
    worth = attention(found["slot"]) * found["served"]
    return np.bincount(row, worth, minlength=len(order))


def parity(exposure: Array, group: Array) -> float | None:
    """Return the smallest over the largest mean exposure of a group, in [0, 1]; 1 is parity.

    Args:
        exposure: Exposure of each item, (n,).
        group: Group of each, any integers, (n,).
    """
    means = [float(exposure[group == one].mean()) for one in np.unique(group)]
    return min(means) / max(means) if len(means) > 1 and max(means) > 0 else None


def inequity(exposure: Array, relevance: Array) -> float | None:
    """Return half the L1 distance between shares of exposure and shares of relevance, in [0, 1].

    Amortised over the whole run (Biega, Gummadi and Weikum 2018): 0 where everybody is shown in
    proportion to what they deserve.
    """
    if not exposure.sum() or not relevance.sum():
        return None
    gap = exposure / exposure.sum() - relevance / relevance.sum()
    return float(np.abs(gap).sum()) / 2


@metric(
    "exposure_parity_tiers",
    "exposure parity between creator tiers",
    unit="1",
    range=(0, 1),
    direction="higher",
    formula="smallest / largest mean exposure of a public video by its creator's tier; exposure of a slot is "
    "1 / log2(position + 2), position from 1, reached or not",
    needs=f"{_SLOTS} items.creator users.user users.tier",
    control="recommendation.weight_quality=3 content.elite_quality=0.5 down",
)
def exposure_parity_tiers(data: RunData) -> float | None:
    """Whether a video's chance to be shown depends on who uploaded it."""
    public = data.items["is_public"] == 1
    tier = data.of_users("tier", data.items["creator"][public])
    return parity(exposures(data)[public], tier)


@metric(
    "exposure_inequity",
    "exposure not in proportion to quality",
    unit="share",
    direction="lower",
    formula="half the sum over public videos of |share of exposure - share of true quality|; exposure of a "
    "slot is 1 / log2(position + 2), position from 1, reached or not",
    needs=f"{_SLOTS} items.quality",
    control="policies.recommendation=random down",
)
def exposure_inequity(data: RunData) -> float | None:
    """Amortised inequity of attention, with the videos' true quality as their relevance."""
    public = data.items["is_public"] == 1
    return inequity(exposures(data)[public], data.items["quality"][public].astype(np.float64))
