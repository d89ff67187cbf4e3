"""What a category does to an encounter: its signature, one row of numbers per category (CON-4).

The Content twin owns the numbers (`parameters/archetypes.yaml`), the encounter reads them as a small
table. Neutral values leave the encounter's arithmetic as it is, bit for bit.
"""

from __future__ import annotations

from typing import Final

import numpy as np

ENCOUNTER_TRAITS: Final = ("match_slope", "span_slope", "share_lift", "rewatch", "finish_reward")
"""Columns of the table, in the order in which the kernel reads them.

- match_slope: factor on the match term of skip and watch (1 neutral): niche above, universal below;
- span_slope: factor on the attention-span term of the skip (1 neutral);
- share_lift: added to the share log-odds (0 neutral);
- rewatch: factor on what is watched beyond one run of the video (1 neutral, 0 never again);
- finish_reward: added to the like log-odds of who watched to the end (0 neutral).
"""

NEUTRAL: Final = {
    "match_slope": 1.0, "span_slope": 1.0, "share_lift": 0.0, "rewatch": 1.0, "finish_reward": 0.0
}  # fmt: skip
"""What a world without signatures (a real log's) gives every category."""


def neutral_traits(count: int) -> np.ndarray:
    """Return a table that changes nothing, float32 (count, traits)."""
    row = np.asarray([NEUTRAL[name] for name in ENCOUNTER_TRAITS], np.float32)
    return np.tile(row, (count, 1))
