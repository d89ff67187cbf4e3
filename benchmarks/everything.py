"""What all mechanisms together cost: the `everything` world against `synthetic`, side by side in one run.

    python benchmarks/everything.py                    30,000 users, a day, about a minute
    python benchmarks/everything.py --users 100000 --threads 2

Both worlds are in memory and take steps in turn, so that a busy neighbour slows both. For every pair of steps
the ratio of encounters per second is taken; its median is the figure. Nothing is written to a run folder, and
nothing is asserted about times.
"""

import argparse
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter

from feedtwin.kernels.binding import load
from feedtwin.schema.settings import resolve
from feedtwin.world.build import build
from feedtwin.world.world import World


@dataclass
class Arm:
    """A world and what its steps took."""

    name: str
    world: World
    seconds: list[float] = field(default_factory=list)
    encounters: list[int] = field(default_factory=list)

    def step(self) -> None:
        before, began = self._met(), perf_counter()
        self.world.step()
        self.seconds.append(perf_counter() - began)
        self.encounters.append(self._met() - before)

    def _met(self) -> int:
        return self.world.platform.telemetry.as_dict()["impressions"]

    def per_second(self, step: int) -> float:
        return self.encounters[step] / self.seconds[step]

    def phases_ns(self) -> dict[str, float]:
        """Nanoseconds per encounter of each phase, over all steps."""
        met = max(sum(self.encounters), 1)
        return {name: value / met * 1e9 for name, value in self.world.seconds.items()}


def measure(
    users: int, steps: int, threads: int, seed: int, kernel: str = "auto"
) -> dict[str, object]:
    """Run both worlds in turn; the first step of each warms up and does not count."""
    kernels = load(kernel, threads)
    arms = [
        Arm(name, build(resolve(name, users=users, seed=seed), kernels))
        for name in ("synthetic", "everything")
    ]
    for step in range(steps + 1):
        for arm in arms if step % 2 else reversed(arms):
            arm.step()
    plain, whole = arms
    ratios = [whole.per_second(k) / plain.per_second(k) for k in range(1, steps + 1)]
    return {
        "users": users,
        "steps": steps,
        "kernels": kernels.describe(),
        "ratio_median": statistics.median(ratios),
        "ratio_low": min(ratios),
        "ratio_high": max(ratios),
        "encounters_per_s": {
            arm.name: sum(arm.encounters[1:]) / sum(arm.seconds[1:]) for arm in arms
        },
        "encounters": {arm.name: sum(arm.encounters[1:]) for arm in arms},
        "ns_per_encounter": {arm.name: arm.phases_ns() for arm in arms},
    }


def main(words: Sequence[str] | None = None) -> None:
    """Measure and print."""
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--users", type=int, default=30_000)
    ask.add_argument("--steps", type=int, default=24)
    ask.add_argument("--threads", type=int, default=2)
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--json", action="store_true", help="print one JSON document instead")
    options = ask.parse_args(words)
    found = measure(options.users, options.steps, options.threads, options.seed)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{found['users']:,} users, {found['steps']} steps; {found['kernels']}")
    speeds, phases = found["encounters_per_s"], found["ns_per_encounter"]
    for name, speed in speeds.items():
        print(
            f"{name:<12}{speed / 1e6:6.2f} M encounters/s, {found['encounters'][name]:,} encounters"
        )
    print(
        f"everything / synthetic: median of {found['steps']} pairs of steps {found['ratio_median']:.3f} "
        f"({found['ratio_low']:.3f} to {found['ratio_high']:.3f})"
    )
    print(f"{'ns per encounter':<18}{'synthetic':>12}{'everything':>12}{'difference':>12}")
    for phase, plain in phases["synthetic"].items():
        whole = phases["everything"][phase]
        print(f"  {phase:<16}{plain:>12.1f}{whole:>12.1f}{whole - plain:>+12.1f}")


if __name__ == "__main__":
    main()
