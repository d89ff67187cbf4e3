"""What sharing chance between two arms is worth: acceptance 5 of the foundation, CRN-5 and CRN-7.

Arm A has `recommendation.weight_similarity` 1.0, arm B 1.1; everything else is equal. Per replicate five
worlds run: A and B with the same chance (paired), and B twice more, independent of A:

- `everything`: another seed, so that people, videos and chance are all redrawn;
- `chance`: the same people and videos, only the chance of the run is redrawn. This is what a simulator
  with one population file and a stream of random numbers can do, and the harder test of the keys.

Prints the variance ratio VR = (s_A^2 + s_B^2) / s_D^2 with a bootstrap interval over replicates, the
ratio measured against independent runs, correlations, the share of (user, video) pairs in
common, and whether paired and unpaired estimates agree.

    python benchmarks/coupling.py --docs
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import report
from paired import (
    bootstrap_interval,
    correlation,
    jaccard,
    joint_errors_apart,
    measured_ratio,
    paired_difference,
    unpaired_difference,
    variance_ratio,
)
from trial import ROOMY, Spec, Summary, each, finish, make, run

from feedtwin.kernels.binding import load

PATH = "recommendation.weight_similarity"
OUTCOMES = {
    "watch_s": ("watch time per impression", "s"),
    "session_s": ("watch time per session", "s"),
    "view_gini": ("view Gini of videos", ""),
}
DESIGNS = ("everything", "chance")
OTHER_SEED = 1_000_003
"""Added to the seed of the independent arm; replicates then differ in both words of the key."""


@dataclass(frozen=True)
class Outcome:
    """The numbers of one world, without its arrays."""

    watch_s: float
    session_s: float
    view_gini: float

    @classmethod
    def of(cls, summary: Summary) -> "Outcome":
        """Keep what is compared over replicates."""
        return cls(summary.watch_s, summary.session_s, summary.view_gini)


@dataclass(frozen=True)
class Trial:
    """One replicate: arms A and B paired, B independent in two ways, and what A shares with each B."""

    a: Outcome
    b: Outcome
    everything: Outcome
    chance: Outcome
    jaccard: dict[str, float]
    user_correlation: dict[str, float]


def trial(job: tuple[Spec, float]) -> Trial:
    """Run the five worlds of a replicate."""
    spec, weight = job
    arm = replace(spec, sets=(*spec.sets, f"{PATH}={weight}"))
    a, b = run(spec), run(arm)
    everything = run(replace(arm, seed=spec.seed + OTHER_SEED))
    chance = run_other_chance(arm)
    others = {"paired": b, "chance": chance}
    return Trial(
        Outcome.of(a),
        Outcome.of(b),
        Outcome.of(everything),
        Outcome.of(chance),
        {name: jaccard(a.pairs, other.pairs) for name, other in others.items()},
        {name: correlation(a.user_watch_s, o.user_watch_s) for name, o in others.items()},
    )


def run_other_chance(spec: Spec) -> Summary:
    """Run a world whose people and videos come from one seed and whose chance from another."""
    born = make(spec)
    world = make(replace(spec, seed=spec.seed + OTHER_SEED))
    world.load_state(born.state(), 0, world.digest)
    # Not state but a constant of the catalogue at the start: the platform must centre on the same one.
    world.platform._mean_vector = born.platform._mean_vector
    return finish(world, spec.steps)


def analyse(trials: Sequence[Trial]) -> dict[str, Any]:
    """Return the statistics of every outcome."""
    return {
        "replicates": len(trials),
        "outcomes": {name: _outcome(trials, name) for name in OUTCOMES},
        "jaccard": _mean_of(trials, "jaccard"),
        "user_correlation": _mean_of(trials, "user_correlation"),
    }


def _mean_of(trials: Sequence[Trial], name: str) -> dict[str, float]:
    rows = [getattr(one, name) for one in trials]
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


def _outcome(trials: Sequence[Trial], name: str) -> dict[str, Any]:
    arm = {
        key: np.array([getattr(getattr(one, key), name) for one in trials])
        for key in ("a", "b", *DESIGNS)
    }
    a, b = arm["a"], arm["b"]
    paired = paired_difference(a, b)
    result: dict[str, Any] = {
        "mean_a": float(a.mean()),
        "paired": paired.as_dict(),
        "correlation": correlation(a, b),
        "variance_ratio": variance_ratio(a, b),
        "variance_ratio_interval": bootstrap_interval(variance_ratio, a, b),
        "independent": {},
    }
    for design in DESIGNS:
        c = arm[design]
        # Shared people make A and B dependent in the `chance` design: the mean difference by replicate.
        apart = unpaired_difference(a, c) if design == "everything" else paired_difference(a, c)
        result["independent"][design] = {
            "difference": apart.as_dict(),
            "ratio": measured_ratio((a, c), (a, b)),
            "ratio_interval": bootstrap_interval(_measured, a, c, b),
            "joint_errors_apart": joint_errors_apart(paired, apart),
        }
    return result


def _measured(a: np.ndarray, independent: np.ndarray, paired: np.ndarray) -> float:
    return measured_ratio((a, independent), (a, paired))


def main(words: Sequence[str] | None = None) -> None:
    """Run the replicates, print, keep."""
    options = _options(words)
    record = report.provenance(load("auto").describe())
    record |= {
        "benchmark": "coupling",
        "weight": options.weight,
        "steps": options.steps,
        "worlds": {},
    }
    for world in options.worlds:
        sets = ROOMY.get(world, ())
        jobs = [
            (Spec(world, options.users, options.steps, options.seed, r, sets), options.weight)
            for r in range(options.replicates)
        ]
        result = analyse(each(trial, jobs, options.workers, world))
        record["worlds"][world] = {"users": options.users, "sets": sets, **result}
    text = fragment(record)
    print(text)
    if options.json:
        report.save(options.json, record)
    if options.docs:
        report.splice(report.CONCEPTS / "coupling.md", "coupling", text)


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    ask = argparse.ArgumentParser(
        description="Measure what sharing chance between two arms is worth."
    )
    ask.add_argument("--worlds", nargs="+", default=["synthetic", "kuairand-sample"])
    ask.add_argument("--users", type=int, default=1000)
    ask.add_argument("--steps", type=int, default=48)
    ask.add_argument("--replicates", type=int, default=40)
    ask.add_argument("--seed", type=int, default=20)
    ask.add_argument("--weight", type=float, default=1.1, help="of arm B; arm A has 1.0")
    ask.add_argument("--workers", type=int, default=2)
    ask.add_argument("--json", type=Path)
    ask.add_argument(
        "--docs", action="store_true", help="put the tables into docs/concepts/coupling.md"
    )
    return ask.parse_args(words)


def fragment(record: dict[str, Any]) -> str:
    """Return the result as Markdown."""
    parts = [report.describe(record)]
    for world, result in record["worlds"].items():
        parts.append(
            f"World `{world}` ({report.CALIBRATION}), {result['users']:,} people{report.with_sets(result['sets'])}, "
            f"{record['steps']} steps, {result['replicates']} replicates, `{PATH}` 1.0 against {record['weight']}; 95 % "
            "intervals, those of ratios by bootstrap over replicates:"
        )
        parts.append(_table(result["outcomes"]))
        share, watch = result["jaccard"], result["user_correlation"]
        parts.append(
            f"(User, video) pairs in common, Jaccard: {share['paired']:.3f} paired, "
            f"{share['chance']:.3f} with other chance. Correlation of users' watch time between the "
            f"arms: {watch['paired']:.3f} paired, {watch['chance']:.3f} with other chance."
        )
    return "\n\n".join(parts)


def _table(outcomes: dict[str, Any]) -> str:
    head = (
        "outcome", "arm A", "B - A, paired", "B - A, independent runs", "joint SE apart",
        "correlation", "VR = (sA² + sB²)/sD²", "measured, all redrawn", "measured, chance redrawn",
    )  # fmt: skip
    rows = []
    for name, r in outcomes.items():
        words, unit = OUTCOMES[name]
        apart = r["independent"]
        rows.append(
            (
                words + (f", {unit}" if unit else ""),
                f"{r['mean_a']:.4g}",
                _interval(r["paired"]),
                _interval(apart["everything"]["difference"]),
                f"{apart['everything']['joint_errors_apart']:.1f}; "
                f"{apart['chance']['joint_errors_apart']:.1f}",
                f"{r['correlation']:.4f}",
                _ratio(r["variance_ratio"], r["variance_ratio_interval"]),
                *(_ratio(apart[d]["ratio"], apart[d]["ratio_interval"]) for d in DESIGNS),
            )
        )
    return report.table(head, rows)


def _interval(e: dict[str, float]) -> str:
    return f"{e['mean']:+.4f} [{e['low']:+.4f}, {e['high']:+.4f}]"


def _ratio(value: float, interval: Sequence[float]) -> str:
    return f"{value:.1f} [{interval[0]:.1f}, {interval[1]:.1f}]"


if __name__ == "__main__":
    main()
