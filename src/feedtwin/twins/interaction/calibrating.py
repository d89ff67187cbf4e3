"""The intercept of the skip, solved so that the mean skip is the number that was asked for.

The paper's equation (1) has no intercept, so its mean cannot be chosen (spec 1.10 #1). Here the target is
stated: when a random user who opens the app meets a random public video of the initial catalogue, the chance
of a skip shall be `interaction.skip_target` on average. Feeds that match well then skip less than that, bad
feeds more; a random feed is where the target can be observed.

The mean is taken over PAIRS keyed pairs and NOISE_LEVELS equally likely values of the encounter's noise, added
up as whole numbers, so it has one result everywhere. It rises with the intercept, and the intercept is found
by halving an interval of whole multiples of 1 / GRID.
"""

from dataclasses import dataclass

import numpy as np

from feedtwin.numerics import logistic32, normal_quantile32
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.traits import ENCOUNTER_TRAITS

PAIRS = 16384
"""Sampling error of the mean: below 0.002."""
NOISE_LEVELS = 8
GRID = 2**16
WIDEST = 20
"""Largest size of an intercept that is looked for."""
WHOLE = np.float32(2**24)
_SLOPE, _SPAN = (ENCOUNTER_TRAITS.index(name) for name in ("match_slope", "span_slope"))


@dataclass(frozen=True)
class Meeting:
    """Pairs of a user and a video, float32 (I,) each: what the skip's equation reads."""

    match: np.ndarray
    hook_strength: np.ndarray
    attention_span_s: np.ndarray
    traits: np.ndarray
    """(I, traits), as in `schema.traits`."""


def sample_pairs(users: np.ndarray, rows: np.ndarray, draws: Draws) -> tuple[np.ndarray, ...]:
    """Return PAIRS users and as many content rows, drawn with replacement.

    Args:
        users: Ids of the users who may meet something.
        rows: Rows of the videos that may be met.
        draws: Keyed chance.
    """
    pair = np.arange(PAIRS, dtype=np.uint32)
    who = _among(users, draws.uniform(Stream.CALIBRATION_USER, pair))
    what = _among(rows, draws.uniform(Stream.CALIBRATION_ITEM, pair))
    return who, what


def _among(choices: np.ndarray, draw: np.ndarray) -> np.ndarray:
    at = (draw.astype(np.float64) * len(choices)).astype(np.int64)
    return choices[np.minimum(at, len(choices) - 1)]


def cosines(interests: np.ndarray, vectors: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Return the match of pairs, float32 (I,): int8 interests and vectors (I, 50), factors (I,)."""
    taste = interests.astype(np.int32)
    dot = np.einsum("id,id->i", taste, vectors.astype(np.int32)).astype(np.float32)
    norm2 = np.maximum(np.einsum("id,id->i", taste, taste), 1).astype(np.float32)
    return dot * (factor * (np.float32(1.0) / np.sqrt(norm2)))


def skip_logits(met: Meeting, numbers: dict[str, np.float32]) -> np.ndarray:
    """Return the skip's log-odds of each pair at each noise level, without the intercept, (I, N)."""
    hook = np.float32(1.0) / np.maximum(met.hook_strength, numbers["hook_floor"])
    span = np.float32(1.0) / np.maximum(met.attention_span_s, numbers["span_floor_s"])
    logit = numbers["skip_hook"] * (hook - numbers["hook_centre"])
    logit = logit + met.traits[:, _SPAN] * (numbers["skip_span"] * (span - numbers["span_centre"]))
    drawn = met.traits[:, _SLOPE] * (met.match - numbers["match_centre"])
    logit = logit - numbers["skip_match"] * drawn
    level = (np.arange(NOISE_LEVELS, dtype=np.float32) + np.float32(0.5)) / NOISE_LEVELS
    noise = numbers["skip_noise"] * normal_quantile32(level.astype(np.float32))
    return logit[:, None] + noise[None, :]


def mean_skip(logit: np.ndarray, intercept: float) -> float:
    """Return the mean chance of a skip; `logit` as `skip_logits` gives it."""
    chance = logistic32(np.float32(intercept) + logit)
    total = int((chance * WHOLE).astype(np.int64).sum())
    return total / (logit.size * int(WHOLE))


def solve_intercept(logit: np.ndarray, target: float) -> float:
    """Return the intercept at which the mean skip reaches `target`, to 1 / GRID."""
    low, high = -WIDEST * GRID, WIDEST * GRID
    while high - low > 1:
        middle = (low + high) // 2
        if mean_skip(logit, middle / GRID) < target:
            low = middle
        else:
            high = middle
    return high / GRID
