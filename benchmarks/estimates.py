"""How well the platform comes to know its users, and what that is worth: acceptance 12 of the foundation.

The estimate is learned from behaviour alone. Per sampled step and replicate, over a fixed sample of people
and public videos: the correlation, within a person and over videos, of cos(estimate, video) with cos(true
vector, video), averaged over people whom the platform has met. Two truths: `interests`, what drives behaviour now,
and `taste`, the long-term anchor. Chance level: the same with each person's truth exchanged for another's,
which keeps what all people have in common.

Also the gap in watch time between the estimate-fed recommender, the oracle fed with true interests, and
two null policies, paired by replicate.

    python benchmarks/estimates.py --docs
"""

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import report
from numpy.random import default_rng  # noqa: TID251 - a sample of what to look at, not simulation
from paired import mean_interval, paired_difference
from trial import ROOMY, Spec, Summary, column, each, finish, make

from feedtwin.kernels.binding import load
from feedtwin.world.world import World

POLICIES = ("tiktok", "oracle", "popularity", "random")
TRUTHS = ("interests", "taste")
SERIES = (*TRUTHS, *(f"{truth}_exchanged" for truth in TRUTHS))
GAPS = {
    "watch_s": ("watch time per impression", "s"),
    "session_s": ("watch time per session", "s"),
    "user_hours": ("watch time per person", "h"),
    "skip_rate": ("skip rate", ""),
}
PEOPLE, VIDEOS = 400, 300
EARLY_STEPS = 6
"""Steps looked at one by one, before `--every` applies."""


@dataclass(frozen=True)
class Curve:
    """One world over time: steps (T,), each series (T,), and impressions per person met (T,)."""

    steps: np.ndarray
    series: dict[str, np.ndarray]
    impressions: np.ndarray


def cosine(vectors: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Return cosines (N, M) of integer vectors (N, D) with items (M, D); a zero vector gives 0."""
    left, right = vectors.astype(np.float64), items.astype(np.float64)
    left /= np.maximum(np.linalg.norm(left, axis=1, keepdims=True), 1e-9)
    right /= np.maximum(np.linalg.norm(right, axis=1, keepdims=True), 1e-9)
    return left @ right.T


def row_correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation of each row of (N, M) arrays; rows that are constant are 0."""
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    scale = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    return np.divide((a * b).sum(axis=1), scale, out=np.zeros(len(a)), where=scale > 0)


def look(world: World, people: np.ndarray, videos: np.ndarray) -> tuple[dict[str, float], float]:
    """Return the mean correlations over the sampled people whom the platform has met."""
    accounts = world.platform.accounts
    met = people[accounts.seen_count[people] > 0]
    if len(met) < 2:
        return dict.fromkeys(SERIES, float("nan")), 0.0
    items = world.content.table.vector[videos]
    believed = cosine(accounts.estimate[met], items)
    result = {}
    for truth in TRUTHS:
        real = cosine(getattr(world.users.table, truth)[met], items)
        result[truth] = float(row_correlation(believed, real).mean())
        exchanged = row_correlation(believed, np.roll(real, 1, axis=0))
        result[f"{truth}_exchanged"] = float(exchanged.mean())
    return result, float(accounts.seen_count[met].mean())


def curve(job: tuple[Spec, int]) -> Curve:
    """Run a world and look at it every so many steps."""
    spec, every = job
    world = make(spec)
    rng = default_rng([spec.seed, spec.replicate])
    active = np.nonzero(world.users.table.activity > 0)[0]
    people = np.sort(rng.choice(active, min(PEOPLE, len(active)), replace=False))
    public = np.nonzero(world.content.table.is_public)[0]
    videos = rng.choice(public, min(VIDEOS, len(public)), replace=False)
    steps, rows, met = [], [], []
    for step in range(1, spec.steps + 1):
        world.step()
        if step <= EARLY_STEPS or step % every == 0:
            row, impressions = look(world, people, videos)
            steps.append(step)
            rows.append(row)
            met.append(impressions)
    series = {name: np.array([row[name] for row in rows]) for name in SERIES}
    return Curve(np.array(steps), series, np.array(met))


def compare(spec: Spec) -> dict[str, Summary]:
    """Run one replicate under every policy, with the same people and the same chance."""
    return {
        policy: finish(
            make(replace(spec, sets=(*spec.sets, f"policies.recommendation={policy}"))), spec.steps
        )
        for policy in POLICIES
    }


def main(words: Sequence[str] | None = None) -> None:
    """Run, print, draw, keep."""
    options = _options(words)
    record = report.provenance(load("auto").describe())
    record |= {"benchmark": "estimates", "worlds": {}, "options": _plain(options)}
    for world in options.worlds:
        sets = (*ROOMY.get(world, ()), *options.set)
        specs = [
            Spec(world, options.users, options.steps, options.seed, r, sets)
            for r in range(options.replicates)
        ]
        curves = each(
            curve, [(s, options.every) for s in specs], options.workers, f"{world}, curve"
        )
        gap_specs = [replace(s, steps=options.gap_steps) for s in specs]
        gaps = each(compare, gap_specs, options.workers, f"{world}, policies")
        record["worlds"][world] = {"sets": sets, "curve": curve_rows(curves), **gap_rows(gaps)}
    if options.figure:
        write_csv(options.figure.with_suffix(".csv"), record)
        draw(options.figure, record)
    text = fragment(record)
    print(text)
    if options.json:
        report.save(options.json, record)
    if options.docs:
        report.splice(report.CONCEPTS / "estimates.md", "estimates", text)


def _plain(options: argparse.Namespace) -> dict[str, Any]:
    return {k: str(v) if isinstance(v, Path) else v for k, v in vars(options).items()}


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    ask = argparse.ArgumentParser(description="Measure how well the platform knows its users.")
    ask.add_argument("--worlds", nargs="+", default=["synthetic", "kuairand-sample"])
    ask.add_argument("--users", type=int, default=1000)
    ask.add_argument("--steps", type=int, default=168, help="of the curve")
    ask.add_argument("--gap-steps", type=int, default=72, help="of the comparison of policies")
    ask.add_argument("--every", type=int, default=12, help="steps between two looks")
    ask.add_argument("--replicates", type=int, default=20)
    ask.add_argument("--seed", type=int, default=12)
    ask.add_argument("--set", nargs="*", default=[], help="path=value settings of every world")
    ask.add_argument("--workers", type=int, default=2)
    ask.add_argument("--json", type=Path)
    ask.add_argument("--figure", type=Path, default=report.CONCEPTS / "estimates.svg")
    ask.add_argument(
        "--docs", action="store_true", help="put the result into docs/concepts/estimates.md"
    )
    return ask.parse_args(words)


def curve_rows(curves: Sequence[Curve]) -> list[dict[str, float]]:
    """Return one row per step: mean over replicates and its 95 % interval, for every series."""
    rows = []
    for at, step in enumerate(curves[0].steps):
        row: dict[str, float] = {"step": int(step)}
        row["impressions"] = float(np.mean([one.impressions[at] for one in curves]))
        for name in SERIES:
            values = np.array([one.series[name][at] for one in curves])
            values = values[np.isfinite(values)]
            if len(values) < 2:
                continue
            estimate = mean_interval(values)
            row[name] = estimate.mean
            row[f"{name}_low"], row[f"{name}_high"] = estimate.low, estimate.high
        rows.append(row)
    return rows


def gap_rows(gaps: Sequence[dict[str, Summary]]) -> dict[str, Any]:
    """Return levels by policy, and paired differences from the estimate-fed recommender."""
    levels, differences = {}, {}
    for name in GAPS:
        values = {policy: column([gap[policy] for gap in gaps], name) for policy in POLICIES}
        levels[name] = {policy: mean_interval(v).as_dict() for policy, v in values.items()}
        differences[name] = {
            policy: paired_difference(values["tiktok"], v).as_dict()
            for policy, v in values.items()
            if policy != "tiktok"
        }
    return {"levels": levels, "differences": differences}


def write_csv(path: Path, record: dict[str, Any]) -> None:
    """Write the curves as a table: world, step, each series with its interval."""
    rows = [
        {"world": w, **row} for w, result in record["worlds"].items() for row in result["curve"]
    ]
    names = list(dict.fromkeys(name for row in rows for name in row))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.5f}" if isinstance(v, float) else v for k, v in row.items()})


def draw(path: Path, record: dict[str, Any]) -> None:
    """Draw the curves, one panel per world; exchanged people are dashed."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "feedtwin"
    mpl.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot as plt

    worlds = record["worlds"]
    figure, axes = plt.subplots(
        1, len(worlds), figsize=(4.6 * len(worlds) + 0.6, 3.9), sharey=True, squeeze=False
    )
    styles = {
        "interests": ("#1f5fa8", "current interests"),
        "taste": ("#b4541a", "long-term taste"),
    }
    for axis, (world, result) in zip(axes[0], worlds.items(), strict=True):
        days = np.array([row["step"] for row in result["curve"]]) / 24
        for truth, (colour, words) in styles.items():
            for name, line, label in (
                (truth, "-", words), (f"{truth}_exchanged", "--", f"{words}, people exchanged"),
            ):  # fmt: skip
                mean, low, high = (
                    np.array([row.get(f"{name}{end}", np.nan) for row in result["curve"]])
                    for end in ("", "_low", "_high")
                )
                axis.plot(days, mean, line, color=colour, label=label, linewidth=1.6)
                axis.fill_between(days, low, high, color=colour, alpha=0.18, linewidth=0)
        axis.axhline(0, color="#888888", linewidth=0.7)
        axis.set(title=f"world {world}", xlabel="simulated days", xlim=(0, float(days[-1])))
        axis.grid(alpha=0.25, linewidth=0.5)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_ylabel("correlation of estimated\nwith true affinity")
    axes[0, 0].set_ylim(-0.15, 1.0)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="lower center",
        bbox_to_anchor=(0.5, 0.03),
        ncols=2,
        frameon=False,
        fontsize=8.5,
    )
    o = record["options"]
    note = f"{o['users']:,} people, {o['replicates']} replicates, 95 % bands; {report.CALIBRATION}"
    figure.text(0.5, 0.005, note, ha="center", fontsize=7.5, color="#555555")
    figure.tight_layout(rect=(0, 0.16, 1, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=150)
    plt.close(figure)


def fragment(record: dict[str, Any]) -> str:
    """Return the result as Markdown."""
    o = record["options"]
    caption = (
        f"Correlation of the platform's estimated affinity with true affinity, within a person and over "
        f"{VIDEOS} public videos, mean over {min(PEOPLE, o['users'])} sampled people whom the platform has met; "
        f"{o['users']:,} people, {o['replicates']} replicates, bands: 95 % intervals over replicates. "
        f"Dashed: each person's truth exchanged for another's. {report.CALIBRATION.capitalize()}."
    )
    parts = [report.describe(record)]
    if o["figure"] != "None":
        parts.append(f"![{caption}]({Path(o['figure']).name})\n\n*{caption}*")
    for world, result in record["worlds"].items():
        parts.append(f"World `{world}`{report.with_sets(result['sets'])}:")
        parts.append(_curve_table(result["curve"]))
        parts.append(
            f"Watch time by policy after {o['gap_steps']} steps, {o['replicates']} replicates that share "
            "people and chance; differences from `tiktok` with paired 95 % intervals:"
        )
        parts.append(_gap_table(result))
    return "\n\n".join(parts)


def _curve_table(rows: Sequence[dict[str, float]]) -> str:
    shown = [row for row in rows if row["step"] in (1, 6) or row["step"] % 24 == 0]
    head = (
        "after steps",
        "impressions per person met",
        *(name.replace("_", ", ") for name in SERIES),
    )
    cells = [
        (
            f"{row['step']:.0f}", f"{row['impressions']:.0f}",
            *(
                f"{row[n]:.3f} [{row[f'{n}_low']:.3f}, {row[f'{n}_high']:.3f}]" if n in row else "-"
                for n in SERIES
            ),
        )
        for row in shown
    ]  # fmt: skip
    return report.table(head, cells, 0)


def _gap_table(result: dict[str, Any]) -> str:
    head = ("outcome", *POLICIES, *(f"{p} - tiktok" for p in POLICIES if p != "tiktok"))
    rows = []
    for name, (words, unit) in GAPS.items():
        level, gap = result["levels"][name], result["differences"][name]
        rows.append(
            (
                words + (f", {unit}" if unit else ""),
                *(f"{level[p]['mean']:.3f}" for p in POLICIES),
                *(f"{g['mean']:+.3f} [{g['low']:+.3f}, {g['high']:+.3f}]" for g in gap.values()),
            )
        )
    return report.table(head, rows)


if __name__ == "__main__":
    main()
