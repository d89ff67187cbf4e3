"""What is fitted of how hashtags and shares spread, and to what: this level's plan, constants and split."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from typing import Any, Final

import numpy as np

from feedtwin.calibration.ecosystem.plan import Plan, ecosystem_constants, read_plan
from feedtwin.calibration.preset import calibration_constants
from feedtwin.calibration.spread.patterns import LEVELS, MEASURES, Spread
from feedtwin.datasets.adaptor import Flags

WORLD: Final = "synthetic"
"""The world whose parameters are fitted: its people, videos and encounters are the package's own."""


def spread_plan(text: str | None = None, where: str = "spread/plan.yaml") -> Plan:
    """The plan of this level; see `ecosystem.plan.read_plan`."""
    if text is None:
        text = files("feedtwin.calibration.spread").joinpath("plan.yaml").read_text("utf-8")
    return read_plan(text, where, MEASURES, LEVELS)


def spread_constants(parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The constants `calibration.spread.*` by name, over those of the method (`calibration.ecosystem.*`)."""
    start = "spread."
    whole = calibration_constants(parameters)
    own = {k.removeprefix(start): v for k, v in whole.items() if k.startswith(start)}
    return ecosystem_constants(parameters) | own


def part_of(seen: Spread, share: float, *, held_out: bool) -> Spread:
    """Hashtags, cascades and videos of the fit, or those held out; videos of one channel go together.

    One is held out when the first 32 bits of sha256("spread:NAME"), as a share of 2^32, lie below the share.

    Args:
        seen: all of them.
        share: held out.
        held_out: which part is asked for.
    """
    series, trees, growth = seen.hashtags, seen.cascades, seen.growth
    if series is not None:
        kept = (_chosen(series.names, share) == held_out)[series.name]
        series = replace(
            series, name=series.name[kept], day=series.day[kept], count=series.count[kept]
        )
    if trees is not None:
        kept = (_chosen(trees.key, share) == held_out)[trees.cascade]
        trees = replace(
            trees, cascade=trees.cascade[kept], index=trees.index[kept], parent=trees.parent[kept],
            delay_s=trees.delay_s[kept],
        )  # fmt: skip
    if growth is not None:
        kept = (_chosen(growth.channel, share) == held_out)[growth.video]
        growth = replace(
            growth, video=growth.video[kept], age_h=growth.age_h[kept], views=growth.views[kept]
        )
    return replace(seen, hashtags=series, cascades=trees, growth=growth)


def _chosen(names: np.ndarray, share: float) -> Flags:
    words = [hashlib.sha256(f"spread:{name}".encode()).hexdigest()[:8] for name in names.tolist()]
    found: Flags = np.array([int(word, 16) / 2.0**32 < share for word in words], np.bool_)
    return found
