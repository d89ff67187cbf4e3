"""How fast, how large: what `make bench` runs. Prints tables, appends one line to results.jsonl.

    python benchmarks/step.py                    the whole of it, some minutes on a quiet machine
    python benchmarks/step.py --quick            a look, under a minute
    python benchmarks/step.py --docs             and put the tables into docs/concepts/speed.md

Nothing is asserted about times: a shared machine would make that a lottery. Compare ratios within one
run, and runs of one machine.
"""

import argparse
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import ratios
import report
import throughput
from throughput import Case

from feedtwin.kernels.binding import load

Result = TypeVar("Result")
USERS = (10_000, 100_000, 300_000)
PHASES = (
    "routines", "decide", "create", "index", "request", "serve", "encounter", "learn", "execute",
    "digest", "commit",
)  # fmt: skip
TARGETS = """Targets of the first release: 1.5 million encounters/s with `log=digest` and 1.2 million with
`log=full` at 100,000 users, 50,000 videos and 2 threads; native 8 times the NumPy reference and 3 times
ordinary NumPy; 400 bytes per user beyond the memory store, 128 per video beyond its metadata; the first
step of 10,000 users within a second of the third-party imports."""


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print, keep."""
    options = _options(words)
    record = report.provenance(load("auto", max(options.threads)).describe())
    record["benchmark"] = "step"
    record["throughput"] = []
    for users in options.users:
        for threads in options.threads:
            for log in ("digest", "full"):
                case = Case(users, threads, log, options.steps, options.seed)
                record["throughput"].append(_best(case, options.repeats))
    pair = tuple(options.threads)
    record["reference"] = _apart(
        ratios.native_to_reference,
        options.reference_users,
        options.reference_steps,
        pair,
        options.seed,
    )
    record["idiomatic"] = _apart(
        ratios.native_to_idiomatic,
        options.idiomatic_users,
        options.idiomatic_steps,
        pair,
        options.seed,
    )
    record["startup"] = ratios.startup(max(options.threads), options.repeats + 2)
    text = fragment(record)
    print(text)
    if not options.no_history:
        report.append(record)
    if options.json:
        report.save(options.json, record)
    if options.docs:
        report.splice(report.CONCEPTS / "speed.md", "step", text)


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    ask = argparse.ArgumentParser(description="Measure speed and memory through the public API.")
    ask.add_argument("--users", type=int, nargs="+", default=list(USERS))
    ask.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    ask.add_argument("--steps", type=int, default=25, help="a first step and a whole day")
    ask.add_argument("--repeats", type=int, default=1, help="per configuration; the fastest counts")
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--reference-users", type=int, default=20_000)
    ask.add_argument("--reference-steps", type=int, default=6)
    ask.add_argument("--idiomatic-users", type=int, default=100_000)
    ask.add_argument("--idiomatic-steps", type=int, default=6)
    ask.add_argument("--quick", action="store_true", help="10,000 users, few steps")
    ask.add_argument("--no-history", action="store_true", help="do not append to results.jsonl")
    ask.add_argument("--json", type=Path, help="also write the result here")
    ask.add_argument(
        "--docs", action="store_true", help="put the tables into docs/concepts/speed.md"
    )
    options = ask.parse_args(words)
    if options.quick:
        options.users, options.steps = [10_000], 7
        options.reference_users, options.reference_steps = 2_000, 3
        options.idiomatic_users, options.idiomatic_steps = 10_000, 3
    return options


def _apart(function: Callable[..., Result], *words: Any) -> Result:
    """Call a function in a process of its own, so that memory and caches start clean."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *words).result()


def _best(case: Case, repeats: int) -> dict[str, Any]:
    """The fastest of some runs: what the machine can do when nobody disturbs it."""
    runs = [_apart(throughput.measure, case) for _ in range(repeats)]
    best = max(runs, key=lambda run: run["encounters_per_s"])
    print(
        f"{case.users:,} users, {case.threads} threads, log={case.log}: "
        f"{best['encounters_per_s'] / 1e6:.2f} M encounters/s",
        flush=True,
    )
    return {**best, "all_encounters_per_s": [run["encounters_per_s"] for run in runs]}


def fragment(record: dict[str, Any]) -> str:
    """Return the result as Markdown."""
    runs = record["throughput"]
    parts = [
        report.describe(record),
        TARGETS.replace("\n", " "),
        speed_table(runs),
        "Nanoseconds per encounter by phase (with `log=full`, rows are converted and written inside the "
        "phase that publishes them; `commit` is the rest of a step: registry, journal, sync, snapshot):",
        phase_table(runs),
        memory_text(runs),
        ratio_text(record),
    ]
    return "\n\n".join(parts)


def speed_table(runs: Sequence[dict[str, Any]]) -> str:
    """Return one row per configuration."""
    head = (
        "users", "videos", "threads", "log", "encounters", "M enc/s", "M enc/s, busiest hour",
        "first step, s", "close, s", "log bytes/enc", "Parquet bytes/enc", "peak memory, MB",
    )  # fmt: skip
    rows = [
        (
            f"{r['users']:,}", f"{r['videos']:,}", str(r["threads"]), r["log"],
            f"{r['encounters']:,}", f"{r['encounters_per_s'] / 1e6:.2f}",
            f"{r['busiest_step_encounters_per_s'] / 1e6:.2f}", f"{r['first_step_s']:.2f}",
            f"{r['close_s']:.2f}", f"{r['log_bytes_per_encounter']:.1f}",
            f"{r['closed_bytes_per_encounter']:.1f}", f"{r['peak_memory_mb']:,.0f}",
        )
        for r in runs
    ]  # fmt: skip
    return report.table(head, rows, 0)


def phase_table(runs: Sequence[dict[str, Any]]) -> str:
    """Return nanoseconds per encounter, one row per configuration and one column per phase."""
    head = ("users", "threads", "log", *PHASES, "sum")
    rows = [
        (
            f"{r['users']:,}", str(r["threads"]), r["log"],
            *(f"{r['ns_per_encounter'].get(name, 0.0):.0f}" for name in PHASES),
            f"{sum(r['ns_per_encounter'].values()):.0f}",
        )
        for r in runs
    ]  # fmt: skip
    return report.table(head, rows, 0)


def memory_text(runs: Sequence[dict[str, Any]]) -> str:
    """Return bytes per user and per video, from the largest run."""
    b = max(runs, key=lambda run: run["users"])["bytes"]
    user = b["user_columns"] + b["user_estimate"] + b["user_ties"]
    video = b["video_columns"] + b["video_exposure"]
    return (
        f"State: {user:.0f} bytes per user ({b['user_columns']:.0f} columns, {b['user_estimate']:.0f} the "
        f"platform's estimate and counters, {b['user_ties']:.0f} for {b['ties']:.1f} ties), beside the "
        f"memory store ({b['user_traces']:.0f} traces, {b['user_seen_store']:,.0f} seen-store); "
        f"{video:.0f} bytes per video ({b['video_columns']:.0f} vector, predictors and counters, "
        f"{b['video_exposure']:.0f} exposure), beside {b['video_metadata']:.0f} of metadata. Indexes that "
        "are rebuilt every step are left out."
    )


def ratio_text(record: dict[str, Any]) -> str:
    """Return the ratios and the start-up in sentences."""
    lines = []
    against = record["reference"]
    if "ratio" in against:
        lines.append(
            f"Native against the NumPy reference, median of {against['steps']} steps taken in turn with "
            f"{against['users']:,} users, bare `World.step`, digests compared after each: "
            f"{_ratios(against['ratio'])}. The reference alone does "
            f"{against['reference_encounters_per_s'] / 1e3:.0f} thousand encounters/s on one thread."
        )
    plain = record["idiomatic"]
    ours, theirs = plain["rates"]["feedtwin"], plain["rates"]["idiomatic"]
    lines.append(
        f"feedtwin against ordinary NumPy (`benchmarks/idiomatic.py`), time per encounter, median of "
        f"{plain['steps']} steps taken in turn with {plain['users']:,} users: {_ratios(plain['ratio'])}. "
        f"Ordinary NumPy takes {plain['idiomatic_ns_per_encounter']:,.0f} ns per encounter. The two do "
        f"comparable work: skips {ours['skips']:.3f} and {theirs['skips']:.3f}, likes {ours['likes']:.3f} "
        f"and {theirs['likes']:.3f}, impressions per session {ours['session_impressions']:.1f} and "
        f"{theirs['session_impressions']:.1f}."
    )
    s = record["startup"]
    lines.append(
        f"Start-up to the end of the first step of {s['users']:,} users, median of {s['repeats']} fresh "
        f"processes: {s['beyond_third_party_s']:.2f} s beyond the third-party imports (own imports "
        f"{s['own_import_s']:.2f}, world {s['build_s']:.2f}, first step {s['first_step_s']:.2f}); "
        f"third-party imports {s['third_party_import_s']:.2f} s, the interpreter {s['interpreter_s']:.2f} s, "
        f"{s['process_s']:.2f} s in all."
    )
    return "\n\n".join(lines)


def _ratios(ratio: dict[str, float]) -> str:
    texts = []
    for name, value in ratio.items():
        threads = int(name.rpartition("_")[2])
        texts.append(f"{value:.1f} times on {threads} thread{'s' if threads > 1 else ''}")
    return ", ".join(texts)


if __name__ == "__main__":
    main()
