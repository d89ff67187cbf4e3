"""Ratios measured side by side: native kernels, the NumPy reference, ordinary NumPy; and the start-up.

Both sides take turns step by step in one process, so that a slow moment of the machine hits both; the
result is the median over the pairs. Runs in a fresh process each.
"""

import json
import os
import subprocess
import sys
from statistics import median
from time import perf_counter
from typing import Any

from idiomatic import Idiomatic

from feedtwin.kernels.binding import load
from feedtwin.schema.settings import Settings, resolve
from feedtwin.world.build import build
from feedtwin.world.world import World

STARTUP_USERS = 10_000


def native_to_reference(
    users: int, steps: int, threads: tuple[int, ...], seed: int
) -> dict[str, Any]:
    """Step native worlds and the NumPy reference in turn; their digests must agree after every step.

    Raises:
        RuntimeError: Two paths computed different worlds.
    """
    settings = resolve("synthetic", users=users, seed=seed)
    sides = {f"native_{n}": build(settings, load("auto", n)) for n in threads}
    if not load("auto").native:
        return {"users": users, "note": "no native kernel here: nothing to compare"}
    sides["reference"] = build(settings, load("numpy"))
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    met: list[int] = []
    for step in range(steps + 1):
        for name, world in sides.items():
            took, encounters = _timed(world)
            if step:  # the first step is warm-up
                seconds[name].append(took)
        met += [encounters] if step else []
        if len({world.digest for world in sides.values()}) > 1:
            raise RuntimeError(f"step {step}: native and NumPy digests differ; expected the same")
    return {
        "users": users,
        "steps": steps,
        "encounters": sum(met),
        "reference_encounters_per_s": sum(met) / sum(seconds["reference"]),
        "ratio": {
            name: median(r / n for n, r in zip(values, seconds["reference"], strict=True))
            for name, values in seconds.items()
            if name != "reference"
        },
    }


def native_to_idiomatic(
    users: int, steps: int, threads: tuple[int, ...], seed: int
) -> dict[str, Any]:
    """Step native worlds and ordinary NumPy in turn; compare their times per encounter."""
    settings: Settings = resolve("synthetic", users=users, seed=seed)
    worlds = {f"native_{n}": build(settings, load("auto", n)) for n in threads}
    plain = Idiomatic(next(iter(worlds.values())), seed)
    per: dict[str, list[float]] = {name: [] for name in (*worlds, "idiomatic")}
    for step in range(steps + 1):
        for name, world in worlds.items():
            took, encounters = _timed(world)
            per[name] += [took / max(encounters, 1)] if step else []
        before, began = plain.impressions, perf_counter()
        plain.step()
        took = perf_counter() - began
        per["idiomatic"] += [took / max(plain.impressions - before, 1)] if step else []
    return {
        "users": users,
        "steps": steps,
        "idiomatic_ns_per_encounter": median(per["idiomatic"]) * 1e9,
        "ratio": {
            name: median(i / n for n, i in zip(per[name], per["idiomatic"], strict=True))
            for name in worlds
        },
        "rates": {
            "idiomatic": _plain_rates(plain),
            "feedtwin": _rates(next(iter(worlds.values()))),
        },
    }


def _timed(world: World) -> tuple[float, int]:
    before, began = world.platform.telemetry.as_dict()["impressions"], perf_counter()
    world.step()
    return perf_counter() - began, world.platform.telemetry.as_dict()["impressions"] - before


def _rates(world: World) -> dict[str, float]:
    t = world.platform.telemetry.as_dict()
    met = max(t["impressions"], 1)
    return {
        "skips": t["skips"] / met,
        "likes": t["likes"] / met,
        "session_impressions": met / max(t["sessions"], 1),
    }


def _plain_rates(plain: Idiomatic) -> dict[str, float]:
    met = max(plain.impressions, 1)
    return {
        "skips": plain.flag_totals[0] / met,
        "likes": plain.flag_totals[1] / met,
        "session_impressions": met / max(plain.sessions, 1),
    }


# -- start-up --------------------------------------------------------------------------------------

_LISTING = """
import json, sys
import feedtwin.world.running
own = {"feedtwin", "__main__"}
names = [n for n in sys.modules if n.partition(".")[0] not in own | sys.stdlib_module_names]
print(json.dumps(names))
"""

_STARTING = """
import importlib, json, sys, time
began = time.perf_counter()
for name in json.loads(sys.argv[1]):
    try:
        importlib.import_module(name)
    except ImportError:
        pass
third_party = time.perf_counter()
from feedtwin.kernels.binding import load
from feedtwin.schema.settings import resolve
from feedtwin.world.running import RunOptions
from feedtwin.world.build import build
own = time.perf_counter()
world = build(resolve("synthetic", users=int(sys.argv[2]), seed=1), load("auto", int(sys.argv[3])))
built = time.perf_counter()
world.step()
stepped = time.perf_counter()
print(json.dumps({
    "third_party_import_s": third_party - began, "own_import_s": own - third_party,
    "build_s": built - own, "first_step_s": stepped - built,
}))
"""


def startup(threads: int, repeats: int) -> dict[str, Any]:
    """Time fresh processes up to the end of the first step of 10,000 users; medians of `repeats`.

    `interpreter_s` is what the process took besides: Python's own start and end.
    """
    names = _child(_LISTING)[0]
    runs = [
        _child(_STARTING, json.dumps(names), str(STARTUP_USERS), str(threads))
        for _ in range(repeats)
    ]
    parts = {key: median(run[0][key] for run in runs) for key in runs[0][0]}
    wall = median(run[1] for run in runs)
    return {
        "users": STARTUP_USERS,
        "repeats": repeats,
        **parts,
        "process_s": wall,
        "interpreter_s": wall - sum(parts.values()),
        "beyond_third_party_s": parts["own_import_s"] + parts["build_s"] + parts["first_step_s"],
    }


def _child(code: str, *words: str) -> tuple[Any, float]:
    began = perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    wall = perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"start-up process failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout), wall
