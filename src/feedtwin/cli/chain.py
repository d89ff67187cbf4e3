"""How the trace of an impression is printed: section by section, in the order in which it came about."""

from collections.abc import Mapping
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from feedtwin.cli.terminal import say, table
from feedtwin.lab.numbers import significant

if TYPE_CHECKING:
    from feedtwin.world.tracing import Trace

_CANDIDATES = 16
"""Candidates that a terminal shows; --json has all."""
_TIERS = ("elite", "active", "casual", "consumer")
_PER_LINE = 3
_CAPTION_WIDTH = 86
_DIMENSIONS = 2
_SESSION = (
    ("energy", "energy", "{:.3f}"),
    ("boredom", "boredom", "{}"),
    ("satisfaction", "satisfaction", "{:.3f}"),
    ("session_impressions", "impressions", "{}"),
    ("session_watch_ms", "watched ms", "{:,}"),
)

Section = Mapping[str, Any]


def print_chain(trace: "Trace") -> None:
    """Print a trace for people."""
    one = trace.impression
    say(f"impression {one['user']}:{one['request']}:{one['slot']}", style="bold")
    reached = "" if one["reached"] else "; not reached: the user had left before"
    say(
        f"step {one['step']}, slot {one['slot']} (from 0) of {one['served']} served, video "
        f"{_video_name(one['item'])}{reached}"
    )
    _print_people(trace)
    _print_request(trace)
    _print_slate(trace)
    if trace.encounter is not None and trace.learning is not None:
        _print_encounter(trace.encounter)
        _print_learning(trace.learning)
    _print_events(trace)
    _title("Checked")
    for line in trace.checked:
        say(f"  {line}")
    for note in trace.notes:
        say(f"note    {note}")


def _title(text: str) -> None:
    say()
    say(text, style="bold")


def _video_name(item: int) -> str:
    return f"{item >> 32}:{item & 0xFFFFFFFF}"


def _number(value: float) -> str:
    return f"{value:+.3f}"


def _print_people(trace: "Trace") -> None:
    user, video = trace.user, trace.video
    hidden, tags = video["hidden"], " ".join(str(tag) for tag in video["hashtags"])
    persona = "no persona" if user["persona"] == 255 else f"persona {user['persona']}"
    _title("Who meets what (just before the request)")
    say(
        f"  user    {_TIERS[user['tier']]}, {persona}, attention span {user['attention_span_s']:.1f} s,"
    )
    say(
        f"          energy {user['energy']:.2f}, boredom {user['boredom']} of {user['patience']}, satisfaction "
        f"{user['satisfaction']:.2f}, {user['session_impressions']} met in this session"
    )
    say(
        f"  video   {video['category']}, {video['duration_s']:.1f} s, {video['age_steps']} h old, hashtags "
        f"{tags or 'none'}, {video['stage']}, {video['velocity']:.1f} events/h"
    )
    for line in wrap(f"caption: {video['caption']}", _CAPTION_WIDTH):
        say(f"          {line}")
    say(
        f"          {video['impressions']:,} impressions, {video['skips']:,} skips, {video['likes']:,} likes, "
        f"{video['shares']:,} shares, {video['comments']:,} comments so far"
    )
    say(
        f"  hidden  hook {hidden['hook_strength']:.2f}, quality {hidden['quality']:.2f}, virality "
        f"{hidden['virality']:.2f}, completion {hidden['completion_prior']:.2f}, toxicity {hidden['toxicity']:.2f}"
    )


def _print_request(trace: "Trace") -> None:
    candidates = trace.request["candidates"]
    counts: dict[str, int] = {}
    for one in candidates:
        counts[one["pool"]] = counts.get(one["pool"], 0) + 1
    pools = ", ".join(f"{pool} {count}" for pool, count in counts.items())
    _title(f"Request: {len(candidates)} different candidates")
    say(f"  pools    {pools}")
    (ours,) = [one for one in candidates if one["slot"] == trace.impression["slot"]]
    if ours["terms"]:
        _terms("score", ours["terms"], f"{ours['score']:+.3f}")
    else:
        say("  score    none: a rule inserted it")
    _title(f"Ranking: score / {trace.request['temperature']:g} + Gumbel number, the highest first")
    shown = candidates[:_CANDIDATES]
    shown = shown if ours in shown else [*shown, ours]
    table(
        ["video", "pool", "score", "Gumbel", "key", "chance", "slot", "fate"],
        [
            (
                _video_name(one["item"]), one["pool"], _number(one["score"]), _maybe(one["gumbel"]),
                _maybe(one["key"]), f"{one['share']:.4f}", one["slot"], one["reason"],
            )
            for one in shown
        ],
        right=["score", "Gumbel", "key", "chance", "slot"],
        keep=["video"],
    )  # fmt: skip
    hidden = len(candidates) - len(shown)
    if hidden > 0:
        say(f"and {hidden} more candidates (--json has all); chance is that of the first slot")


def _maybe(value: float | None) -> str:
    return "-" if value is None else _number(value)


def _print_slate(trace: "Trace") -> None:
    _title("Slate: what was served, with the chance of each given the slots before")
    mine = trace.impression["slot"]
    table(
        ["", "slot", "video", "pool", "score", "propensity", "met before"],
        [
            (
                "→" if one["slot"] == mine else "", one["slot"], _video_name(one["item"]), one["pool"],
                _number(one["score"]), f"{one['propensity']:.4f}", one["meeting"],
            )
            for one in trace.slate
        ],
        right=["slot", "score", "propensity", "met before"],
    )  # fmt: skip


def _terms(label: str, terms: Mapping[str, float], total: str) -> None:
    """Print a sum with its terms, a few per line."""
    parts = [f"{name.replace('_', ' ')} {_number(value)}" for name, value in terms.items()]
    lines = [parts[k : k + _PER_LINE] for k in range(0, len(parts), _PER_LINE)]
    say(f"  {label:<9}{total} = {'  '.join(lines[0])}")
    for line in lines[1:]:
        say(f"  {'':<9}{' ' * len(total)}   {'  '.join(line)}")


def _print_encounter(found: Section) -> None:
    _title("Encounter")
    if "behaviour" in found:
        say("  a behaviour of somebody's own decided: it has no stages that could be shown")
        return
    hook, watch = found["hook"], found["watch"]
    say(f"  match    cosine of interests and video {found['match']:.3f}")
    _terms("hook", hook["terms"], f"log-odds {_number(hook['log_odds'])}")
    say(
        f"  {'':<9}chance of a skip {hook['probability']:.1%}, draw {hook['draw']:.4f}: "
        f"{'skips' if hook['skipped'] else 'stays'}"
    )
    if hook["skipped"]:
        say(
            f"  watch    draw {watch['draw']:.4f} of 3 s: leaves after {watch['watch_ms'] / 1000:.2f} s"
        )
        _print_signals(found["engagement"])
        return
    _print_watch(watch)
    _print_signals(found["engagement"])


def _print_watch(watch: Section) -> None:
    length = f"{watch['watch_ms'] / 1000:.2f} s of {watch['duration_s']:.1f} s, completion {watch['completion']:.2f}"
    if "index_terms" in watch:
        _terms("watch", watch["index_terms"], f"index {_number(watch['index'])}")
        say(f"  {'':<9}draw {watch['draw']:.4f} of its curve: {length}")
        return
    logs = ", ".join(f"{name} {_number(value)}" for name, value in watch["log_terms"].items())
    say(
        f"  watch    completion {watch['completion_prior']:.2f} x exp({logs}) = "
        f"{watch['expected_completion']:.2f} expected,"
    )
    say(
        f"           x exp({_number(watch['log_spread'])}) by the draw {watch['draw']:.4f}: {length}"
    )


def _print_signals(signals: Section) -> None:
    for name, one in signals.items():
        _terms(name, one["terms"], f"log-odds {_number(one['log_odds'])}")
        say(
            f"  {'':<9}chance {one['probability']:.1%}, draw {one['draw']:.4f}: "
            f"{'yes' if one['happened'] else 'no'}"
        )


def _print_learning(found: Section) -> None:
    session, interests, memory = found["session"], found["interests"], found["memory"]
    platform = found["platform"]
    _title("What it did")
    moves = [
        f"{label} {form.format(session['before'][name])} → {form.format(session['after'][name])}"
        for name, label, form in _SESSION
    ]
    say(f"  session  {', '.join(moves[:3])},")
    say(f"           {', '.join(moves[3:])}; then: {session['then']}")
    largest = ", ".join(
        f"[{one['dimension']}] {one['before']:.2f} → {one['after']:.2f}"
        for one in interests["largest"][:_DIMENSIONS]
    )
    moved = f": {largest}" if largest else ""
    say(f"  taste    {interests['towards']}, change {interests['change']:.3f} (L1){moved}")
    before, after = (_memory(memory[name]) for name in ("before", "after"))
    topic = "" if memory["topic"] is None else f"topic {memory['topic']}: "
    say(f"  memory   {topic}{before} → {after}")
    say(
        f"  platform estimate moves by {platform['change']:.3f} (L1); its cosine with the video "
        f"{platform['similarity_before']:+.3f} → {platform['similarity_after']:+.3f}"
    )


def _memory(trace: Section | None) -> str:
    if trace is None:
        return "no trace"
    return f"strength {trace['strength']:.2f} ({trace['retained']:.2f} retained)"


def _print_events(trace: "Trace") -> None:
    _title("What was published, and whose handlers took it")
    table(
        ["phase", "event", "what", "handlers"],
        [
            (one["phase"], one["event"], _gist(one["rows"]), _handlers(one["handlers"]))
            for one in trace.events
        ],
        keep=["phase", "event"],
    )  # fmt: skip


def _handlers(names: list[str]) -> str:
    """The handler's name and whose it is: on_outcomes of user, content."""
    if not names:
        return "none: for the log"
    return (
        f"{names[0].rpartition('.')[2]} of {', '.join(name.rpartition('.')[0] for name in names)}"
    )


_KEYS = ("user", "request", "slot", "item", "policy", "query", "text")


def _gist(rows: list[Section]) -> str:
    """The values of the rows that the reader does not know yet."""
    if len(rows) > 1:
        return f"{len(rows)} rows"
    values = [
        f"{name} {significant(value, strip=True)}"
        if isinstance(value, float)
        else f"{name} {value}"
        for name, value in rows[0].items()
        if name not in _KEYS
    ]
    return " ".join(values[:4])
