"""Served slates follow the Plackett-Luce law given their candidates, and log its exact propensities.

A world whose candidate set never changes (rings no longer than their windows, nobody has seen anything) is
asked 200,000 times. Filters (one video per creator, two per category) and an inserted video are on. Each
hypothesis is tested at the level ALPHA, with the seed fixed: a correct program fails one of the chi-square
tests by bad luck with a probability of 2 * ALPHA = 2e-5 over all seeds, and never on this seed.
"""

from itertools import permutations
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import chi2

from feedtwin.kernels.binding import load
from feedtwin.testing.dice import Dice
from feedtwin.testing.hot import HotWorld, Sizes
from feedtwin.twins.platform.retrieval import NO_ITEM
from feedtwin.twins.references import REFERENCES

ALPHA = 1e-5
REQUESTS = 200_000
USERS = 64
ITEMS = 9
SLOTS = 4
INSERT_SLOT = 1
INVERSE_TEMPERATURE = np.float32(1.3)
CREATOR_CAP, CATEGORY_CAP = 1, 2
PER_REQUEST = (
    "user", "insert_row", "row", "item", "slot_score", "propensity", "pool", "stage_out",
    "meeting", "inserted", "served_count",
)  # fmt: skip


class Served:
    """200,000 slates from one candidate set, and the law that they should follow."""

    def __init__(self, inserted: int | None) -> None:
        sizes = Sizes(
            users=USERS, items=ITEMS, categories=3, creators=6, history=1, traces=1,
            slots=SLOTS, rows=USERS, global_pool=(4,), global_quota=(ITEMS + 2,),
            category_picks=0, category_quota=0, followed_quota=0, followees=0, impressions=0,
        )  # fmt: skip
        scalars = {
            "inverse_temperature": INVERSE_TEMPERATURE, "creator_cap": CREATOR_CAP,
            "category_cap": CATEGORY_CAP, "weight_followed": np.float32(0.0),
        }  # fmt: skip
        world = HotWorld(Dice(77), sizes, scalars)
        a = world.arrays
        a["creator"] = np.array([USERS + k for k in (0, 0, 1, 2, 2, 3, 4, 5, 5)], np.uint32)
        a["category"] = np.array([0, 1, 0, 0, 1, 2, 1, 2, 0], np.uint16)
        a["ordinal"] = np.arange(ITEMS, dtype=np.uint32)
        a["ring_row"] = np.arange(ITEMS, dtype=np.uint32)
        a["ring_hash"] = np.arange(ITEMS, dtype=np.uint32) * np.uint32(400_000_000)
        a["ring_offset"] = np.array([0, 0, 0, 0, ITEMS], np.int64)
        a["query"][:] = a["query"][0]
        self.score = self._score(a)
        self.arrays, self.scalars = a, world.scalars
        self.inserted = inserted
        if inserted is not None:
            a["insert_row"][:, INSERT_SLOT] = inserted
        self.row, self.propensity, self.flag = self._serve(world)

    @staticmethod
    def _score(a: dict[str, np.ndarray]) -> np.ndarray:
        query = a["query"][0].astype(np.float64)
        cosine = (a["vectors"].astype(np.float64) @ query) * a["inv_norm"] / np.linalg.norm(query)
        return cosine + a["base"]

    @staticmethod
    def _serve(world: HotWorld) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        arrays, scalars, users = world.inputs("serve")
        for name in ("cards", "ring_cards"):
            del arrays[name]
        for name, array in arrays.items():
            if name in PER_REQUEST:
                arrays[name] = np.resize(array, (REQUESTS, *array.shape[1:]))
        arrays["request"] = np.arange(REQUESTS, dtype=np.uint32) // np.uint32(users)
        kernels = load("auto", 2)
        if kernels.native:
            kernels.call("serve", arrays, scalars, REQUESTS)
        else:
            a = SimpleNamespace(**arrays, **scalars)
            for low in range(0, REQUESTS, 4096):
                REFERENCES["serve"](a, low, min(low + 4096, REQUESTS))
        kernels.close()
        assert (arrays["served_count"] == SLOTS).all()
        return arrays["row"], arrays["propensity"], arrays["inserted"]

    def law(self, slate: tuple[int, ...]) -> list[float]:
        """Conditional probability of each slot of a slate, by the definition, in float64."""
        a = self.arrays
        weight = np.exp(self.score * float(INVERSE_TEMPERATURE))
        eligible = np.ones(ITEMS, bool)
        if self.inserted is not None:
            eligible[self.inserted] = False
        drawn: list[int] = []
        out = []
        for slot, item in enumerate(slate):
            if slot == INSERT_SLOT and self.inserted is not None:
                out.append(1.0 if item == self.inserted else 0.0)
                continue
            out.append(weight[item] / weight[eligible].sum() if eligible[item] else 0.0)
            drawn.append(item)
            eligible[item] = False
            if sum(a["creator"][x] == a["creator"][item] for x in drawn) >= CREATOR_CAP:
                eligible &= a["creator"] != a["creator"][item]
            if sum(a["category"][x] == a["category"][item] for x in drawn) >= CATEGORY_CAP:
                eligible &= a["category"] != a["category"][item]
        return out

    def possible(self) -> dict[tuple[int, ...], list[float]]:
        """Every slate of positive probability with its conditional probabilities."""
        laws = {slate: self.law(slate) for slate in permutations(range(ITEMS), SLOTS)}
        return {slate: law for slate, law in laws.items() if np.prod(law) > 0}


@pytest.fixture(scope="module", params=[None, 3], ids=["no insert", "an insert"])
def served(request: pytest.FixtureRequest) -> Served:
    return Served(request.param)


def chi_square(observed: np.ndarray, expected: np.ndarray) -> float:
    """Upper tail probability; cells with fewer than 5 expected are pooled."""
    few = expected < 5
    if few.any():
        observed = np.append(observed[~few], observed[few].sum())
        expected = np.append(expected[~few], expected[few].sum())
    statistic = ((observed - expected) ** 2 / expected).sum()
    return float(chi2.sf(statistic, len(expected) - 1))


def slate_codes(row: np.ndarray) -> np.ndarray:
    return (row.astype(np.int64) * ITEMS ** np.arange(SLOTS)).sum(axis=1)


def test_whole_slates_have_their_plackett_luce_frequencies(served: Served) -> None:
    laws = served.possible()
    code = {sum(x * ITEMS**i for i, x in enumerate(s)): np.prod(law) for s, law in laws.items()}
    assert abs(sum(code.values()) - 1) < 1e-9
    counts = np.bincount(slate_codes(served.row), minlength=ITEMS**SLOTS)
    assert counts.sum() == REQUESTS
    assert set(np.nonzero(counts)[0].tolist()) <= set(code)
    expected = np.array([code[c] for c in sorted(code)]) * REQUESTS
    assert chi_square(counts[sorted(code)].astype(np.float64), expected) > ALPHA


def test_a_wrong_law_would_be_noticed(served: Served) -> None:
    """The same test with scores off by 5 % of a temperature fails: it has power."""
    laws = served.possible()
    served.score = served.score.copy()
    served.score[6] += 0.05 / float(INVERSE_TEMPERATURE)
    wrong = served.possible()
    served.score[6] -= 0.05 / float(INVERSE_TEMPERATURE)
    assert wrong.keys() == laws.keys()
    keys = sorted(wrong)
    counts = np.bincount(slate_codes(served.row), minlength=ITEMS**SLOTS)
    first = np.zeros(ITEMS)
    expected = np.zeros(ITEMS)
    for slate in keys:
        first[slate[0]] += counts[sum(x * ITEMS**i for i, x in enumerate(slate))]
        expected[slate[0]] += np.prod(wrong[slate]) * REQUESTS
    seen = expected > 0
    assert chi_square(first[seen], expected[seen]) < ALPHA


def test_logged_propensities_are_the_conditional_probabilities(served: Served) -> None:
    laws = served.possible()
    expected = {sum(x * ITEMS**i for i, x in enumerate(s)): law for s, law in laws.items()}
    codes, first = np.unique(slate_codes(served.row), return_index=True)
    wanted = np.array([expected[c] for c in codes.tolist()])
    assert np.allclose(served.propensity[first], wanted, rtol=2e-5, atol=0)
    for c, f in zip(codes.tolist(), first.tolist(), strict=True):
        of_slate = slate_codes(served.row) == c if len(codes) < 50 else np.array([f])
        assert len(np.unique(served.propensity[of_slate], axis=0)) == 1


def test_an_inserted_video_is_certain_flagged_and_shown_once(served: Served) -> None:
    if served.inserted is None:
        assert not served.flag.any()
        return
    assert (served.row[:, INSERT_SLOT] == served.inserted).all()
    assert (served.propensity[:, INSERT_SLOT] == 1).all()
    assert (served.flag == (np.arange(SLOTS) == INSERT_SLOT)).all()
    others = np.delete(served.row, INSERT_SLOT, axis=1)
    assert not (others == served.inserted).any()
    assert not (served.row == NO_ITEM).any()
