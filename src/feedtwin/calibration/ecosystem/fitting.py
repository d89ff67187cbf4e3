"""From observed patterns to a posterior: two waves of simulated worlds, history matching between them, then inference."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from feedtwin.calibration.ecosystem.design import point_seed, sobol
from feedtwin.calibration.ecosystem.emulator import Emulator, fit_emulator
from feedtwin.calibration.ecosystem.matching import Region, Target, implausibility, rule_out
from feedtwin.calibration.ecosystem.plan import FITTED, Plan
from feedtwin.calibration.ecosystem.posterior import Posterior, infer
from feedtwin.calibration.ecosystem.recovery import Recovery, recover
from feedtwin.calibration.ecosystem.table import Reference, TableFile
from feedtwin.datasets.adaptor import F8, Flags
from feedtwin.datasets.hashing import normals
from feedtwin.errors import DataError

_BATCHES: Final = 64
"""Most batches of candidates that the second wave's points are looked for in."""
_PRIOR_VARIANCE: Final = 1.0 / 12.0
"""Of a uniform place in [0, 1]."""


@dataclass(frozen=True)
class Point:
    """A world to simulate: parameter values by path, and its root seed."""

    values: Mapping[str, Any]
    seed: int


@dataclass(frozen=True)
class Observation:
    """A pattern of the log: its value and its standard error."""

    value: float
    error: float


Simulate = Callable[[Sequence[Point]], Iterable[tuple[int, Mapping[str, float]]]]
"""Simulates worlds; yields the place of each in the sequence and its patterns, in any order."""
OnWorld = Callable[[int, int, int, int], None]
"""Told the wave, the worlds done in it, how many it has, and how many of them were kept from before."""


@dataclass(frozen=True)
class Fitted:
    """Everything that the fit found; P patterns in the order of the plan.

    Attributes:
        plan: what was fitted to what.
        target: observed patterns, all roles.
        table: worlds in the part of the prior that was not ruled out.
        emulator: of all patterns, over the worlds of both waves.
        region: what the first wave left.
        posterior: of the parameters, after widening.
        contraction: (d,) 1 - posterior variance / prior variance; below 0 where the posterior is at both ends.
        identified: (d,) whether the contraction is large enough; none where recovery has too few trials to tell.
        recovery: how parameters of simulated worlds are recovered.
        runs: worlds of both waves.
        without: those of them that had no number for some pattern, and count as ruled out.
    """

    plan: Plan
    target: Target
    table: Reference
    emulator: Emulator
    region: Region
    posterior: Posterior
    contraction: F8
    identified: Flags
    recovery: Recovery
    runs: int
    without: int


def fit_ecosystem(
    plan: Plan,
    observed: Mapping[str, Observation],
    simulate: Simulate,
    file: TableFile | None,
    constants: Mapping[str, Any],
    on_world: OnWorld = lambda *_: None,
) -> Fitted:
    """Fits the free parameters to the patterns whose role is `fitted`.

    Args:
        plan: parameters and patterns.
        observed: every pattern of the plan.
        simulate: runs worlds.
        file: where finished worlds are kept; None keeps none.
        constants: `ecosystem.*` without the section's name.
        on_world: told of every finished world.

    Raises:
        DataError: The log's patterns are beyond what worlds of this kind can give.
    """
    target = Target(
        np.array([observed[one.name].value for one in plan.patterns]),
        np.array([observed[one.name].error for one in plan.patterns]),
        plan.tolerance,
    )
    places, seed = plan.place(FITTED), int(constants["seed"])
    runs = int(constants["budget"])
    first = sobol(max(round(runs * constants["first_share"]), 2), len(plan.free), seed)
    waves = [_worlds(plan, first, 1, simulate, file, constants, on_world)]
    emulator = fit_emulator(waves[0].unit, waves[0].patterns[:, places])
    second, region = _second(emulator, target.take(places), runs - len(first), plan, constants)
    waves.append(_worlds(plan, second, 2, simulate, file, constants, on_world))
    whole = _together(waves)
    done = len(first) + len(second)
    table = whole.take(_inside(emulator, whole.unit, target.take(places), region.rank, constants))
    noisy = _with_discrepancy(table, plan, constants)[:, :, places]
    posterior = infer(table.unit, noisy, target.value[places], constants)
    contraction = 1.0 - np.diag(posterior.covariance) / _PRIOR_VARIANCE
    recovery = recover(table.unit, noisy, contraction >= constants["identified"], constants)
    posterior = posterior.wider(recovery.factor)
    contraction = 1.0 - np.diag(posterior.covariance) / _PRIOR_VARIANCE
    tells = recovery.trials >= int(constants["trials_min"])
    return Fitted(
        plan, target, table, fit_emulator(whole.unit, whole.patterns), region, posterior,
        contraction, (contraction >= constants["identified"]) & tells, recovery, done, done - len(whole),
    )  # fmt: skip


def _worlds(
    plan: Plan,
    unit: F8,
    wave: int,
    simulate: Simulate,
    file: TableFile | None,
    constants: Mapping[str, Any],
    on_world: OnWorld,
) -> Reference:
    """Simulates the points that are not in the file; worlds without a number for some pattern are left out.

    Raises:
        DataError: More than half of the worlds are.
    """
    names = [one.name for one in plan.patterns]
    found = np.full((len(unit), len(names)), np.nan)
    missing = []
    for k, point in enumerate(unit):
        kept = None if file is None else file.get(point)
        if kept is None:
            missing.append(k)
        else:
            found[k] = kept
    reused = len(unit) - len(missing)
    on_world(wave, reused, len(unit), reused)
    seed = int(constants["seed"])
    points = [
        Point(
            {**plan.fixed, **plan.settings(plan.values(unit[k : k + 1])[0])},
            point_seed(unit[k], seed),
        )
        for k in missing
    ]
    for done, (place, row) in enumerate(simulate(points) if points else (), start=1):
        k = missing[place]
        found[k] = [row[name] for name in names]
        if file is not None:
            file.put(unit[k], found[k].tolist())
        on_world(wave, reused + done, len(unit), reused)
    known = np.isfinite(found)
    whole = known.all(axis=1)
    if whole.mean() < 0.5:
        raise DataError(
            f"{int((~whole).sum())} of {len(unit)} simulated worlds give no number for some pattern, most often for "
            f"{names[int(np.argmin(known.mean(axis=0)))]}; expected one for every pattern in at least half of them. Simulate larger worlds: "
            "--set calibration.ecosystem.people=N (of --levels spread, calibration.spread.people), N above what it was"
        )
    return Reference(unit, found, np.full(len(unit), wave)).take(whole)


def _inside(
    emulator: Emulator, unit: F8, target: Target, rank: int, constants: Mapping[str, Any]
) -> Flags:
    scores = np.sort(implausibility(emulator, unit, target), axis=1)[:, ::-1]
    found: Flags = scores[:, rank - 1] <= constants["implausible"]
    return found


def _second(
    emulator: Emulator, target: Target, count: int, plan: Plan, constants: Mapping[str, Any]
) -> tuple[F8, Region]:
    """Points of the second wave: the first candidates that are not ruled out."""
    seed, size = int(constants["seed"]), int(constants["candidates"])
    batches = _candidates(size, len(plan.free), seed)
    points = next(batches)
    region = rule_out(
        implausibility(emulator, points, target), float(constants["implausible"]),
        int(constants["implausible_rank"]), float(constants["kept_least"]),
    )  # fmt: skip
    chosen = [points[region.kept]]
    for more in batches:
        if sum(len(one) for one in chosen) >= count:
            break
        chosen.append(more[_inside(emulator, more, target, region.rank, constants)])
    return np.concatenate(chosen)[:count], region


def _candidates(size: int, dimensions: int, seed: int) -> Iterator[F8]:
    for batch in range(1, _BATCHES + 1):
        yield sobol(size, dimensions, seed + batch)


def _together(waves: Sequence[Reference]) -> Reference:
    return Reference(
        np.concatenate([one.unit for one in waves]),
        np.concatenate([one.patterns for one in waves]),
        np.concatenate([one.wave for one in waves]),
    )


def _with_discrepancy(table: Reference, plan: Plan, constants: Mapping[str, Any]) -> F8:
    """Patterns as logs would have them if the model were off by what was stated, (n, versions, P).

    Of every world several versions: with one, the posterior hangs on the accident of the noise. Noise belongs to the point, so one
    world more in a table changes the noise of no other.
    """
    seed, shape = int(constants["seed"]), (int(constants["versions"]), len(plan.patterns))
    noise = [
        normals(np.arange(shape[0] * shape[1]), "ecosystem/discrepancy", point_seed(point, seed))
        for point in table.unit
    ]
    result: F8 = table.patterns[:, None, :] + np.reshape(noise, (-1, *shape)) * plan.tolerance
    return result
