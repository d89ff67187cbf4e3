"""Keyed draws are uniform and independent across ids, streams, replicates and occurrences.

Each design draws pairs of words whose keys differ in one coordinate by one step, which is where a weak key
schedule would show. Three figures per design: chi-square and Kolmogorov-Smirnov for uniformity, chi-square
of the pair on a 256 x 256 grid for independence. Seeds are fixed; a p-value below 1e-6 fails.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from scipy import stats

from feedtwin.kernels.binding import load
from feedtwin.randomness import Draws, Stream

LEAST_P = 1e-6
CHUNK = 1 << 18
NORMAL, LARGE = 4_000_000, 100_000_000

U4 = np.ndarray
Pair = tuple[U4, U4]
KERNELS = load("auto")


def draws(seed: int = 20_24, replicate: int = 5) -> Draws:
    return Draws(seed, replicate, KERNELS)


def users(i: U4) -> Pair:
    d = draws()
    return d.bits(Stream.HOOK, 2 * i, 11, 3, 0), d.bits(Stream.HOOK, 2 * i + 1, 11, 3, 0)


def creators(i: U4) -> Pair:
    d = draws()
    return d.bits(Stream.RANKING, 5, 2 * i, 3, 9), d.bits(Stream.RANKING, 5, 2 * i + 1, 3, 9)


def uploads(i: U4) -> Pair:
    d, half = draws(), np.uint32(1024)
    owner, ordinal = i // half, 2 * (i % half)
    return (
        d.bits(Stream.VIDEO_ATTRIBUTE, owner, ordinal, 2),
        d.bits(Stream.VIDEO_ATTRIBUTE, owner, ordinal + 1, 2),
    )


def occurrences(i: U4) -> Pair:
    d = draws()
    return d.bits(Stream.LIKE, i, i % 97, 1, 0), d.bits(Stream.LIKE, i, i % 97, 1, 1)


def requests(i: U4) -> Pair:
    d = draws()
    return (
        d.bits(Stream.RANKING, i // 64, i % 64, 1, 40),
        d.bits(Stream.RANKING, i // 64, i % 64, 1, 41),
    )


def steps(i: U4) -> Pair:
    d = draws()
    return d.bits(Stream.SESSION_START, i, 48), d.bits(Stream.SESSION_START, i, 49)


def streams_of_one_block(i: U4) -> Pair:
    words = draws().words(15, i, 7, 7, 7)
    return words[0], words[3]


def streams_of_two_blocks(i: U4) -> Pair:
    d = draws()
    return d.bits(Stream.HOOK, i, 7, 7, 7), d.bits(Stream.LIKE, i, 7, 7, 7)


def replicates(i: U4) -> Pair:
    return (
        draws(replicate=8).bits(Stream.HOOK, i, 2, 2, 0),
        draws(replicate=9).bits(Stream.HOOK, i, 2, 2, 0),
    )


def seeds(i: U4) -> Pair:
    return draws(7).bits(Stream.HOOK, i, 2, 2, 0), draws(8).bits(Stream.HOOK, i, 2, 2, 0)


DESIGNS = (
    users, creators, uploads, occurrences, requests, steps, streams_of_one_block,
    streams_of_two_blocks, replicates, seeds,
)  # fmt: skip


def chi_square_p(counts: U4) -> float:
    """Two-sided p-value of equal cells: a fit that is too good is as wrong as a bad one."""
    expected = counts.sum() / counts.size
    statistic = float(((counts - expected) ** 2).sum() / expected)
    upper = float(stats.chi2.sf(statistic, counts.size - 1))
    return 2 * min(upper, 1 - upper)


def ks_p(counts: U4) -> float:
    """Kolmogorov-Smirnov p-value from counts in equal cells."""
    n = counts.sum()
    edges = np.arange(1, counts.size + 1) / counts.size
    distance = float(np.max(np.abs(np.cumsum(counts) / n - edges)))
    return float(stats.kstwobign.sf(distance * np.sqrt(n)))


def chunks(pairs: int) -> Iterator[U4]:
    for low in range(0, pairs, CHUNK):
        yield np.arange(low, min(low + CHUNK, pairs), dtype=np.uint32)


def p_values(design: Callable[[U4], Pair], pairs: int) -> dict[str, float]:
    """Draw `pairs` pairs, at least 5 expected per cell of the grid, and return every p-value."""
    high, low, grid = np.zeros(1 << 12), np.zeros(1 << 11), np.zeros(1 << 14)
    for i in chunks(pairs):
        x, y = design(i)
        for bits in (x, y):
            high += np.bincount(bits >> np.uint32(20), minlength=high.size)
            low += np.bincount((bits >> np.uint32(9)) & np.uint32(0x7FF), minlength=low.size)
        cell = (x >> np.uint32(25)) << np.uint32(7) | y >> np.uint32(25)
        grid += np.bincount(cell, minlength=grid.size)
    return {
        "high bits, chi-square": chi_square_p(high),
        "low bits, chi-square": chi_square_p(low),
        "uniform, KS": ks_p(high),
        "pairs, chi-square": chi_square_p(grid),
    }


def check(design: Callable[[U4], Pair], total: int) -> None:
    pairs = -(-total // (2 * len(DESIGNS)))
    bad = {name: p for name, p in p_values(design, pairs).items() if p < LEAST_P}
    assert not bad, design.__name__


@pytest.mark.parametrize("design", DESIGNS, ids=lambda d: d.__name__)
def test_keyed_uniforms_are_uniform_and_pairwise_independent(
    design: Callable[[U4], Pair],
) -> None:
    check(design, NORMAL)


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS, ids=lambda d: d.__name__)
def test_keyed_uniforms_are_uniform_and_pairwise_independent_on_1e8_draws(
    design: Callable[[U4], Pair],
) -> None:
    check(design, LARGE)


def duplicate_spacings(values: U4) -> int:
    """Number of repeated gaps between the sorted values (Marsaglia's birthday spacings)."""
    gaps = np.sort(np.diff(np.sort(values)))
    return int((gaps[1:] == gaps[:-1]).sum())


def spacing_p(sample: Callable[[int], U4], repeats: int) -> float:
    """Two-sided Poisson p-value of the repeated gaps in `repeats` years of 2**32 days."""
    samples = [sample(r) for r in range(repeats)]
    mean = sum(s.size**3 / (4 * 2**32) for s in samples)
    found = sum(duplicate_spacings(s) for s in samples)
    tails = stats.poisson.cdf(found, mean), stats.poisson.sf(found - 1, mean)
    return float(2 * min(tails))


BIRTHDAYS = 4096
FIRST = np.arange(BIRTHDAYS, dtype=np.uint32)
SAMPLES: dict[str, Callable[[int], U4]] = {
    "users": lambda r: draws().bits(Stream.HOOK, FIRST + np.uint32(r * BIRTHDAYS), 1, 1, 0),
    "replicates": lambda r: draws(replicate=r).bits(Stream.HOOK, FIRST, 1, 1, 0),
    "occurrences": lambda r: draws().bits(Stream.HOOK, 3, r, 1, FIRST),
    "streams": lambda r: np.concatenate(
        [
            draws().words(b, FIRST[:256] + np.uint32(r * 256))[w]
            for b in (15, 16, 6, 17)
            for w in range(4)
        ]
    ),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_birthday_spacings_are_poisson(name: str) -> None:
    assert spacing_p(SAMPLES[name], 60) > LEAST_P


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
def test_birthday_spacings_are_poisson_on_4_million_draws_each(name: str) -> None:
    assert spacing_p(SAMPLES[name], 1000) > LEAST_P


def test_many_coordinates_at_once_show_no_correlation_with_their_ids() -> None:
    ids = np.arange(1 << 19, dtype=np.uint32)
    u = draws().uniform(Stream.HOOK, ids, 1, 1, 0).astype(np.float64)
    for bit in range(19):  # the mean must not depend on any single bit of the id
        odd = (ids >> np.uint32(bit)) & np.uint32(1) == 1
        z = (u[odd].mean() - u[~odd].mean()) / np.sqrt(
            (1 / 12) * (1 / odd.sum() + 1 / (~odd).sum())
        )
        assert 2 * stats.norm.sf(abs(z)) > LEAST_P, bit


def weak_reused(i: U4) -> Pair:
    x = draws().bits(Stream.HOOK, i, 1, 1, 0)
    return x, x


def weak_counter(i: U4) -> Pair:
    return i * np.uint32(2654435761), (i + np.uint32(1)) * np.uint32(2654435761)


def weak_biased(i: U4) -> Pair:
    x, y = users(i)
    return x | (y & np.uint32(0x01010101)), y


@pytest.mark.parametrize("design", [weak_reused, weak_counter, weak_biased])
def test_the_battery_rejects_weak_generators(design: Callable[[U4], Pair]) -> None:
    with pytest.raises(AssertionError):
        check(design, NORMAL)


def test_birthday_spacings_reject_a_lattice() -> None:
    lattice = FIRST * np.uint32(2654435761)
    assert spacing_p(lambda r: lattice + np.uint32(r), 5) < LEAST_P
