"""The command `trace`: why one impression came out as it did, what a user met, how a video lived."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feedtwin.cli.going import AsJson, KernelName, RunPath, Threads, load_kernels
from feedtwin.cli.progress import is_shown, working
from feedtwin.cli.terminal import answer, plural, reports, say, shell, table

if TYPE_CHECKING:
    from feedtwin.kernels.binding import Kernels
    from feedtwin.lab.life import Life

_LINES = 60
"""Impressions of a user that a terminal shows; --json has all."""
_ENGAGEMENTS = {1: "like", 2: "share", 3: "comment"}


@reports
def trace(
    path: RunPath,
    impression: Annotated[
        str | None,
        typer.Option(metavar="USER:REQUEST:SLOT", help="Trace one impression, stage by stage."),
    ] = None,
    user: Annotated[
        int | None, typer.Option(min=0, help="List a user's impressions instead.")
    ] = None,
    video: Annotated[
        str | None,
        typer.Option(metavar="ID", help="A video's life, by item id or CREATOR:ORDINAL."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --video: draw it (.svg, .png, .pdf).")
    ] = None,
    threads: Threads = None,
    kernel: KernelName = "auto",
    as_json: AsJson = False,
) -> None:
    """Say why: one impression's causal chain, what a user met, or a video's life.

    Impressions are traced by executing the run again from the nearest snapshot, so any log level will do; a
    video's life is read from the log alone.
    """
    from feedtwin.errors import SettingsError

    given = [one for one in (impression, user, video) if one is not None]
    if len(given) != 1:
        raise SettingsError(
            f"trace: found {len(given)} of --impression, --user and --video; expected one of them"
        )
    if plot is not None and video is None:
        raise SettingsError("trace --plot: found no --video; expected the video whose life to draw")
    if video is not None:
        _video(path, video, plot, as_json)
    elif user is not None:
        _user(path, user, load_kernels(kernel, threads), as_json)
    else:
        _impression(path, str(impression), load_kernels(kernel, threads), as_json)


def _impression(path: Path, text: str, kernels: "Kernels", as_json: bool) -> None:
    from feedtwin.world.impressions import Impression
    from feedtwin.world.tracing import trace as trace_impression

    wanted = Impression.parse(text)
    with working("executing up to the impression", is_shown(False, as_json)):
        found = trace_impression(path, wanted, kernels)
    if as_json:
        answer({**vars(found), **_degraded(path)})
        return
    from feedtwin.cli.chain import print_chain

    print_chain(found)
    _print_degraded(path)


def _degraded(path: Path) -> dict[str, list[str]]:
    """Return what must be known of a run whose language models did not answer as wanted, for JSON."""
    from feedtwin.lab.language import warnings_about

    notes = warnings_about(path)
    return {"warnings": list(notes)} if notes else {}


def _print_degraded(path: Path) -> None:
    for note in _degraded(path).get("warnings", ()):
        say(f"warning: {note}", style="yellow")


def _user(path: Path, user: int, kernels: "Kernels", as_json: bool) -> None:
    from feedtwin.world.impressions import impressions_of

    with working("looking for the user's impressions", is_shown(False, as_json)):
        rows = impressions_of(path, user, kernels)
    if as_json:
        answer(rows)
        return
    from feedtwin.world.impressions import pool_name

    shown = rows[:_LINES]
    table(
        ["step", "impression", "video", "pool", "propensity", "outcome", "watched s", "engaged"],
        [
            (
                row["step"], f"{user}:{row['request']}:{row['slot']}",
                f"{row['item'] >> 32}:{row['item'] & 0xFFFFFFFF}", pool_name(row["pool"]),
                f"{row['propensity']:.4f}", row["outcome"], f"{row['watch_ms'] / 1000:.1f}",
                " ".join(_ENGAGEMENTS[one] for one in row["engagements"]),
            )
            for row in shown
        ],
        right=["step", "propensity", "watched s"],
        keep=["impression"],
    )  # fmt: skip
    say()
    more = f"; {len(rows) - len(shown):,} more with --json" if len(rows) > len(shown) else ""
    say(f"{plural(len(rows), 'slot')} served to user {user}{more}")
    _print_degraded(path)
    first = f"{user}:{rows[0]['request']}:{rows[0]['slot']}"
    say(f"next    {shell('trace', path, '--impression', first)}")


def _video(path: Path, text: str, plot: Path | None, as_json: bool) -> None:
    from feedtwin.lab.life import life_of, parse_video

    item = parse_video(text)
    with working("reading the log", is_shown(False, as_json)):
        life = life_of(path, item)
        if plot is not None:
            from feedtwin.lab.life_plot import plot_life

            plot_life(life, plot)
    if as_json:
        answer({**life.as_json(), "plot": None if plot is None else str(plot), **_degraded(path)})
        return
    _print_life(life)
    _print_degraded(path)
    if plot is not None:
        say(f"wrote   {plot}")


def _print_life(life: "Life") -> None:
    hourly = life.hourly
    met = int(hourly["impressions"].sum())
    say(f"video {life.item >> 32}:{life.item & 0xFFFFFFFF} (item {life.item})", style="bold")
    born = (
        f"uploaded at step {life.first_step}"
        if "step" in life.created
        else f"from before the log, which begins at step {life.first_step}"
    )
    made = life.created
    if made:
        tags = [str(made[f"hashtag_{k}"]) for k in (1, 2, 3) if made[f"hashtag_{k}"]]
        say(
            f"{born}; category {made['category']}, hashtags {' '.join(tags) or 'none'}, sound "
            f"{made['sound'] or 'none'}, {made['duration_s']:.1f} s"
        )
        say(
            f"hidden from the platform: hook {made['hook_strength']:.2f}, quality {made['quality']:.2f}, "
            f"virality {made['virality']:.2f}, toxicity {made['toxicity']:.2f}"
        )
    say(
        f"{met:,} impressions, {int(hourly['views'].sum()):,} views, {int(hourly['completions'].sum()):,} "
        f"watched to the end, {int(hourly['likes'].sum()):,} likes, {int(hourly['shares'].sum()):,} shares, "
        f"{int(hourly['comments'].sum()):,} comments"
    )
    _print_stages(life)
    _print_hours(life)
    _print_trends(life)
    _print_cascade(life)


def _print_stages(life: "Life") -> None:
    say()
    say("Exposure stages", style="bold")
    if not life.stages:
        say("no change in this log")
        return
    table(
        ["step", "from", "to", "impressions", "engaged", "velocity", "finished"],
        [
            (
                row["step"], row["from"], row["to"], f"{row['impressions']:,}",
                f"{row['engagement_rate']:.1%}", f"{row['velocity']:.1f}/h", f"{row['completion']:.1%}",
            )
            for row in life.stages
        ],
        right=["step", "impressions", "engaged", "velocity", "finished"],
    )  # fmt: skip


def _print_hours(life: "Life") -> None:
    """The hours that say most: a bar per day, and the peak."""
    import numpy as np

    say()
    views, velocity = life.hourly["views"], life.velocity
    peak = int(np.argmax(velocity))
    say(
        f"Velocity (half-life {life.half_life_steps:g} h): peak {velocity[peak]:.1f} events/h after step "
        f"{life.first_step + peak}",
        style="bold",
    )
    starts = range(0, len(views), 24)
    days = [int(views[low : low + 24].sum()) for low in starts]
    most = max(*days, 1)
    table(
        ["steps", "views", "per hour", "velocity", ""],
        [
            (
                f"{life.first_step + low}-{life.first_step + min(low + 24, len(views)) - 1}",
                f"{count:,}", f"{count / min(24, len(views) - low):.1f}",
                f"{velocity[min(low + 24, len(views)) - 1]:.1f}/h", "█" * round(30 * count / most),
            )
            for low, count in zip(starts, days, strict=True)
        ],
        right=["steps", "views", "per hour", "velocity"],
    )  # fmt: skip


def _print_trends(life: "Life") -> None:
    say()
    say("Trends of its hashtags, sound and category", style="bold")
    if not life.trends:
        say("none in this log")
        return
    table(
        ["step", "what", "from", "to", "velocity", "volume"],
        [
            (
                row["step"], f"{str(row['kind']).lower()} {row['key']}", row["from"], row["to"],
                f"{row['velocity']:.1f}/h", f"{row['volume']:,}",
            )
            for row in life.trends
        ],
        right=["step", "velocity", "volume"],
    )  # fmt: skip


def _print_cascade(life: "Life") -> None:
    say()
    say("Shares", style="bold")
    tree = life.shape
    if tree is None:
        say("no share was logged with its place in a tree")
        return
    virality = "-" if tree.structural_virality is None else f"{tree.structural_virality:.2f}"
    say(
        f"{plural(tree.size - 1, 'sharer')} below the upload; depth {tree.depth} (mean {tree.mean_depth:.2f}), "
        f"breadth {tree.breadth}, structural virality {virality}"
    )
    levels = ", ".join(f"{rate:.2f}" for rate in tree.reproduction)
    say(f"shares per sharer, level by level: {levels}; young trees are still growing")
