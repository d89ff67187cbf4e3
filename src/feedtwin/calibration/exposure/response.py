"""How outcomes depend on the score of a pair, beyond the columns of the fitted encounter.

outcome ~ link(what the columns say + intercept + slope x score + what the mean score of the person, the mean score of the video
          and how often the video was met add)

The means take what matched exposure did to the columns themselves (Mundlak, 1978): a person who was shown well-chosen videos has a
column that is too high for others. So the slope is one within people and within videos. Every person has the same weight, and
the intercept's equation makes the recommender's arm equal the log's own rate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from feedtwin.calibration.exposure.matching import Matching, Pairs
from feedtwin.calibration.exposure.metrics import SECONDS, from_link
from feedtwin.datasets.adaptor import F8

Constants = Mapping[str, Any]
SLOPE = 1
"""Place of the score's slope among the coefficients."""
_STEPS = 30
_LARGEST_STEP = 2.0


@dataclass(frozen=True, slots=True)
class Designs:
    """Columns of both arms: 1, score, mean score of the person, of the video, and log meetings of the video.

    Attributes:
        logged: (n, 5) of the log's impressions.
        random: (n k, 5) of the random arm.
    """

    logged: F8
    random: F8


def designs(found: Matching, logged: Pairs, random: Pairs, met: F8, c: Constants) -> Designs:
    """The columns for a score.

    Args:
        found: the scores; beyond the outer quantiles of exposed pairs they count as these quantiles.
        logged: pairs of the log's impressions.
        random: pairs of the random arm.
        met: (M,) how often each video was met, by anybody.
        c: constants `exposure.*`.
    """
    low, high = np.quantile(found.logged, [c["exposure.edge"], 1.0 - c["exposure.edge"]])
    own, other = np.clip(found.logged, low, high), np.clip(found.random, low, high)
    people = np.bincount(logged.user, own) / np.maximum(np.bincount(logged.user), 1)
    often = np.log1p(met)
    line = np.stack([np.ones_like(often), often, often**2], axis=1)
    beta = np.linalg.lstsq(line[logged.video], own, rcond=None)[0]
    pseudo, films = float(c["exposure.video_rows"]), len(met)
    rows = np.bincount(logged.video, minlength=films)
    means = (np.bincount(logged.video, own, films) + pseudo * (line @ beta)) / (rows + pseudo)

    def columns(score: F8, pairs: Pairs) -> F8:
        return np.stack(
            [
                np.ones_like(score),
                score,
                people[pairs.user],
                means[pairs.video],
                often[pairs.video],
            ],
            axis=1,
        )

    return Designs(columns(own, logged), columns(other, random))


def respond(
    name: str, outcome: F8, columns: F8, offset: F8, weight: F8, prior: tuple[F8, F8], start: F8
) -> F8:
    """Most probable coefficients, by Newton steps (logistic; Poisson's quasi-likelihood for seconds).

    Args:
        name: the metric.
        outcome: (n,).
        columns: (n, p) design.
        offset: (n,) what the fitted encounter says, on the link's scale.
        weight: (n,) weights.
        prior: (p,) centre and precision of each coefficient's normal prior.
        start: (p,) where to start.

    Returns:
        (p,) coefficients.
    """
    centre, ridge = prior
    beta = start.copy()
    for _ in range(_STEPS):
        mean = from_link(name, offset + columns @ beta)
        spread = mean if name == SECONDS else mean * (1.0 - mean)
        gradient = columns.T @ (weight * (outcome - mean)) - ridge * (beta - centre)
        curvature = (columns * (weight * spread)[:, None]).T @ columns + np.diag(ridge + 1e-9)
        step = np.clip(np.linalg.solve(curvature, gradient), -_LARGEST_STEP, _LARGEST_STEP)
        beta += step
        if float(np.abs(step).max()) < 1e-6:
            break
    return beta
