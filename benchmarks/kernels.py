"""Nanoseconds per encounter of every hot kernel: native on 1 and 2 threads, and the NumPy reference.

    python benchmarks/kernels.py [--users N] [--items N] [--rows N] [--repeats N] [--no-reference] [KERNEL ...]

The inputs form one chain: slates are served, met and learned from, so every kernel sees what it sees in a
run. Times are the least of interleaved repeats, divided by the encounters (slots reached) of the slates;
processor time (of all threads together) is given beside wall time, because neighbours disturb it less.
"""

import argparse
import sys
from dataclasses import replace
from time import perf_counter, process_time
from types import SimpleNamespace
from typing import Any

import numpy as np

from feedtwin.kernels.binding import Kernels, load
from feedtwin.kernels.specs import KERNELS, POINTERS
from feedtwin.testing.dice import Dice
from feedtwin.testing.hot import HotWorld, Sizes
from feedtwin.twins.references import REFERENCES

ORDER = (
    "serve",
    "encounter",
    "learn",
    "estimate",
    "count",
    "recall",
    "retrieve",
    "score",
    "select",
)
LOOP = ("serve", "encounter", "learn", "estimate", "count")
REFERENCE_ROWS = 512


def make_world(options: argparse.Namespace) -> HotWorld:
    """The shipped shape: 100 candidates from 3 of 12 categories, trending, recent and followed."""
    sizes = Sizes(
        users=options.users, items=options.items, categories=12, creators=options.users // 10,
        history=1024, rows=options.rows, impressions=options.impressions,
        global_share=(0.02, 0.1),
    )  # fmt: skip
    scalars = {"no_repeat": 768, "creator_cap": 1, "category_cap": 5}
    small = HotWorld(Dice(1), replace(sizes, history=1), scalars)
    small.sizes = sizes
    seen = Dice(2).integers(0, options.items, 2**20, np.uint32)
    small.arrays["seen_row"] = np.resize(seen, (options.users, 1024))
    rested = small.arrays
    rested["energy"][:] = 1.0
    rested["boredom"][:] = 0
    rested["session_impressions"][:] = 0
    rested["patience"][:] = np.maximum(rested["patience"], 5)
    rested["interests"][:] = np.abs(rested["interests"] // 2)
    return small


def call_inputs(world: HotWorld, name: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and scalars of one kernel, without copies; a kernel that learns gets its own."""
    fields = KERNELS[name].fields
    arrays = {f.name: world.arrays[f.name] for f in fields if f.kind in POINTERS}
    if name in ("learn", "recall", "estimate", "count"):
        for field in fields:
            if field.written:
                arrays[field.name] = arrays[field.name].copy()
    others = [f.name for f in fields if f.kind not in POINTERS and f.kind != "dim"]
    return arrays, {n: world.scalars[n] for n in others}


def run_reference(
    name: str, arrays: dict[str, np.ndarray], scalars: dict[str, Any], rows: int
) -> None:
    a = SimpleNamespace(**arrays, **scalars)
    for low in range(0, rows, REFERENCE_ROWS):
        REFERENCES[name](a, low, min(low + REFERENCE_ROWS, rows))


def timed(call: Any) -> tuple[float, float]:
    """Wall and processor seconds of one call."""
    wall, cpu = perf_counter(), process_time()
    call()
    return perf_counter() - wall, process_time() - cpu


def measure(
    world: HotWorld, name: str, builds: dict[str, Kernels], repeats: int, with_reference: bool
) -> dict[str, tuple[float, float]]:
    """Wall and processor seconds per call by column."""
    arrays, scalars = call_inputs(world, name)
    rows = world.sizes.rows
    seconds: dict[str, list[tuple[float, float]]] = {label: [] for label in builds}
    for _ in range(repeats):
        for label, kernels in builds.items():
            call = lambda k=kernels: k.call(name, arrays, scalars, rows, serial=name == "count")  # noqa: E731
            seconds[label].append(timed(call))
    result = {
        label: (min(w for w, _ in pairs), min(c for _, c in pairs))
        for label, pairs in seconds.items()
    }
    if with_reference:
        part = min(rows, 2048)
        wall, cpu = timed(lambda: run_reference(name, arrays, scalars, part))
        result["numpy"] = wall * rows / part, cpu * rows / part
    return result


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("kernels", nargs="*", metavar="KERNEL", help=f"of {', '.join(ORDER)}")
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--rows", type=int, default=16_384, help="requests per call")
    parser.add_argument("--impressions", type=int, default=400, help="largest history of a user")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--build", default="auto")
    parser.add_argument("--no-reference", action="store_true")
    options = parser.parse_args()
    world = make_world(options)
    builds = {f"{t} thread{'s'[: t > 1]}": load(options.build, t) for t in (1, 2)}
    first = builds["1 thread"]
    for name in ("serve", "encounter"):
        arrays, scalars = call_inputs(world, name)
        first.call(name, arrays, scalars, options.rows)
    encounters = int(world.arrays["reached_count"].sum())
    print(
        f"{first.describe()}; {options.users} users, {options.items} items, {options.rows} slates of "
        f"10 from 100 candidates, {encounters / options.rows:.1f} encounters per slate\n"
        "ns per encounter: wall (processor)"
    )
    total: dict[str, list[float]] = {}
    for name in options.kernels or ORDER:
        found = measure(world, name, builds, options.repeats, not options.no_reference)
        per = {label: [x / encounters * 1e9 for x in times] for label, times in found.items()}
        print(
            f"{name:10s}",
            *(f"{label} {w:7.1f} ({c:.1f})" for label, (w, c) in per.items()),
            sep="  ",
        )
        for label, times in per.items() if name in LOOP else ():
            total[label] = [a + b for a, b in zip(total.get(label, [0.0, 0.0]), times, strict=True)]
    for label, (wall, cpu) in total.items():
        print(
            f"loop, {label}: {wall:.0f} ns per encounter ({cpu:.0f} of processor), {1e3 / wall:.2f} M/s"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
