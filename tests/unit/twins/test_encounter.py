"""One signature at a time: what a category, a label and a behaviour do to an encounter."""

from types import SimpleNamespace

import numpy as np
import pytest

from feedtwin.errors import BoundaryError, PolicyError
from feedtwin.policies.interface import Choices
from feedtwin.schema.traits import ENCOUNTER_TRAITS, NEUTRAL, neutral_traits
from feedtwin.session import FINISHED, LIKE, SHARE, SKIP
from feedtwin.testing.dice import Dice
from feedtwin.testing.hot import HotWorld, Sizes
from feedtwin.twins.content.categories import neutral_signatures
from feedtwin.twins.interaction.behaving import behave
from feedtwin.twins.interaction.encounter import encounter_reference

SIZES = Sizes(users=3000, items=600, categories=4, rows=2500, slots=10)
FOREVER = {"energy_exit": np.float32(-1.0), "impressions_max": 1000, "relief": 255}


@pytest.fixture(scope="module")
def base():
    """A generated world in which nobody leaves, whose matches lie between 0 and 1."""
    made = HotWorld(Dice(3), SIZES, dict(FOREVER))
    a = made.arrays
    a["patience"][:] = 255
    a["boredom"][:] = 0
    a["traits"] = neutral_traits(SIZES.categories)
    a["label"][:] = 0
    a["interests"] = np.abs(a["interests"] // 2).astype(np.int8)
    a["match_vectors"] = np.abs(a["match_vectors"] // 2).astype(np.int8)
    norm = np.linalg.norm(a["match_vectors"].astype(float), axis=1)
    a["match_inv_norm"] = (1 / np.maximum(norm, 1)).astype(np.float32)
    return made


def meet(base, changes=None, label=None, **scalars):
    """Outcomes of the same slates under other traits, labels or scalars, flat over reached slots."""
    arrays, numbers, rows = base.inputs("encounter")
    for name, value in (changes or {}).items():
        arrays["traits"][:, ENCOUNTER_TRAITS.index(name)] = value
    if label is not None:
        arrays["label"][:] = label
    a = SimpleNamespace(**arrays, **{**numbers, **scalars})
    encounter_reference(a, 0, rows)
    served = np.arange(a.row.shape[1])[None, :] < a.served_count[:rows, None]
    return SimpleNamespace(
        flags=a.flags[:rows][served], watch_ms=a.watch_ms[:rows][served],
        completion=a.completion[:rows][served], row=a.row[:rows][served],
        match=_match(a, rows)[served],
        span_s=np.broadcast_to(a.attention_span_s[a.user[:rows], None], served.shape)[served],
    )  # fmt: skip


def _match(a, rows):
    row = np.where(a.row[:rows] < SIZES.items, a.row[:rows], 0)
    taste = a.interests[a.user[:rows]].astype(float)
    dot = np.einsum("rd,rsd->rs", taste, a.match_vectors[row].astype(float))
    return dot * a.match_inv_norm[row] / np.linalg.norm(taste, axis=1)[:, None]


def rate(met, bit):
    return ((met.flags & bit) != 0).mean()


def test_the_traits_of_a_log_are_neutral():
    table = neutral_signatures(3)["traits"]
    assert table.tolist() == [[np.float32(NEUTRAL[name]) for name in ENCOUNTER_TRAITS]] * 3


def test_a_steep_match_slope_parts_those_who_match_from_those_who_do_not(base):
    niche, universal = (meet(base, {"match_slope": slope}) for slope in (1.5, 0.5))
    good = niche.match > np.median(niche.match)

    def gap(met):
        skipped = (met.flags & SKIP) != 0
        return skipped[~good].mean() - skipped[good].mean()

    assert gap(niche) > 1.3 * gap(universal) > 0


def test_where_the_match_has_no_slope_neither_skip_nor_watch_know_of_it(base):
    flat = meet(base, {"match_slope": 0.0})
    steep = meet(base, {"match_slope": 0.0}, skip_match=np.float32(9), watch_match=np.float32(5))
    np.testing.assert_array_equal(flat.flags, steep.flags)
    np.testing.assert_array_equal(flat.watch_ms, steep.watch_ms)


def test_a_steep_span_slope_costs_the_impatient_and_spares_the_patient(base):
    plain, hungry = meet(base), meet(base, {"span_slope": 2.0})
    impatient = plain.span_s < 1 / base.scalars["span_centre"]
    before, after = ((met.flags & SKIP) != 0 for met in (plain, hungry))
    assert (after >= before)[impatient].all() and (after > before)[impatient].any()
    assert (after <= before)[~impatient].all() and (after < before)[~impatient].any()


def test_a_share_lift_moves_shares_and_nothing_else(base):
    plain, lifted = meet(base), meet(base, {"share_lift": 1.0})
    assert rate(lifted, SHARE) > 1.5 * rate(plain, SHARE)
    np.testing.assert_array_equal(lifted.flags & ~np.uint8(SHARE), plain.flags & ~np.uint8(SHARE))
    np.testing.assert_array_equal(lifted.watch_ms, plain.watch_ms)


def test_rewatching_scales_what_goes_beyond_one_run(base):
    plain, loops, once = (meet(base, {"rewatch": factor}) for factor in (1.0, 1.8, 0.0))
    over = plain.completion > 1.0
    assert over.sum() > 300
    np.testing.assert_array_equal(loops.completion[~over], plain.completion[~over])
    free = over & (loops.completion < 1.999)
    np.testing.assert_allclose(
        loops.completion[free] - 1, 1.8 * (plain.completion[free] - 1), rtol=1e-3, atol=1e-5
    )
    np.testing.assert_allclose(once.completion[over], 1.0, atol=1e-5)


def test_finishing_is_rewarded_with_likes_of_those_who_finish(base):
    plain, rewarding = meet(base), meet(base, {"finish_reward": 1.5})
    done = (plain.flags & FINISHED) != 0
    gained = (rewarding.flags & LIKE) > (plain.flags & LIKE)
    assert gained[done].sum() > 20 and not gained[~done].any()
    assert not ((rewarding.flags & LIKE) < (plain.flags & LIKE)).any()


def test_a_label_costs_likes_and_shares_of_labelled_videos_only(base):
    label = (np.arange(SIZES.items) % 2).astype(np.uint8)
    plain, warned = meet(base), meet(base, label=label)
    marked = label[warned.row] == 1
    np.testing.assert_array_equal(plain.flags[~marked], warned.flags[~marked])
    np.testing.assert_array_equal(plain.watch_ms, warned.watch_ms)
    for bit in (LIKE, SHARE):
        before, after = (((m.flags & bit) != 0)[marked] for m in (plain, warned))
        assert after.mean() < 0.8 * before.mean()
        assert (after <= before).all()


# -- behaviours -------------------------------------------------------------------------------------


class Steady:
    """Everybody watches half of everything and likes the first slot."""

    def meet(self, block):
        shape = block.served.shape
        no = np.zeros(shape, bool)
        like = no.copy()
        like[:, 0] = True
        return Choices(no, block.items["duration_s"] * np.float32(0.5), like, no, no, no)


def behaved(base, behaviour):
    arrays, numbers, rows = base.inputs("encounter")
    more = {
        name: np.zeros(SIZES.users, np.float32) for name in ("humor_affinity", "toxicity_tolerance")
    }
    more["toxicity"] = np.zeros(SIZES.items, np.float32)
    a = SimpleNamespace(**{**arrays, **more, **numbers, "step": 12})
    behave(behaviour, a, rows)
    return a, rows


def test_what_a_behaviour_answers_is_what_happens(base):
    a, rows = behaved(base, Steady())
    served = np.arange(a.row.shape[1])[None, :] < a.served_count[:rows, None]
    np.testing.assert_array_equal(a.reached_count[:rows], a.served_count[:rows])
    assert (a.flags[:rows][:, 0][a.served_count[:rows] > 0] == LIKE).all()
    assert not a.flags[:rows][:, 1:].any()
    half = a.duration_s[a.row[:rows][served]] * 500
    np.testing.assert_allclose(a.watch_ms[:rows][served], half, atol=1.01)
    assert not a.watch_ms[:rows][~served].any()


def _answering(**changes):
    class Amiss(Steady):
        def meet(self, block):
            good = super().meet(block)
            values = {name: getattr(good, name).copy() for name in Choices.__dataclass_fields__}
            for name, change in changes.items():
                values[name] = change(values[name])
            return Choices(**values)

    return Amiss()


def _with(value):
    def change(array):
        array[0, 0] = value
        return array

    return change


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"watch_s": _with(np.nan)}, "watch_s holds nan; expected finite seconds"),
        ({"watch_s": _with(-1.0)}, "watch_s holds -1.0"),
        ({"watch_s": _with(1e6)}, "from 0 to 20 durations"),
        ({"watch_s": lambda x: x[:, :3]}, r"watch_s is float32 of shape \(512, 3\)"),
        ({"watch_s": lambda x: x > 1}, "watch_s is bool"),
        ({"like": lambda x: x.astype(int)}, "like is int64 of shape"),
        ({"skip": lambda x: ~x}, "a skip is watched for 3 s or longer; expected less than 3 s"),
        ({"skip": lambda x: ~x, "watch_s": np.zeros_like}, "a skip comes with a like"),
    ],
)
def test_an_answer_amiss_names_the_behaviour_and_the_step(base, changes, message):
    base.arrays["served_count"][0] = SIZES.slots
    base.arrays["row"][0] = np.arange(SIZES.slots)
    base.arrays["duration_s"][:] = np.maximum(base.arrays["duration_s"], 10)
    with pytest.raises(
        PolicyError, match=rf"policy Amiss, step 12, contract behaviour.meet: .*{message}"
    ):
        behaved(base, _answering(**changes))


def test_a_behaviour_that_raises_writes_or_returns_something_else_is_refused(base):
    class Raises:
        def meet(self, block):
            return 1 / 0

    class Writes:
        def meet(self, block):
            block.items["quality"][:] = 0

    class Silent:
        def meet(self, block):
            return None

    with pytest.raises(
        PolicyError,
        match=r"policy Raises, step 12, contract behaviour.meet: raised ZeroDivisionError",
    ):
        behaved(base, Raises())
    with pytest.raises(BoundaryError, match="policy Writes, step 12"):
        behaved(base, Writes())
    with pytest.raises(PolicyError, match="meet returned a NoneType; expected a Choices"):
        behaved(base, Silent())


def test_a_behaviour_sees_the_numbers_that_the_equations_use(base):
    seen = []

    class Looks(Steady):
        def meet(self, block):
            seen.append(block)
            return super().meet(block)

    a, rows = behaved(base, Looks())
    match = np.concatenate([block.match for block in seen])
    served = np.arange(a.row.shape[1])[None, :] < a.served_count[:rows, None]
    np.testing.assert_allclose(match[served], _match(a, rows)[served], rtol=1e-4)
    assert len(seen) == -(-rows // 512)
    hook = np.concatenate([block.uniform["hook"] for block in seen])[served]
    assert abs(hook.mean() - 0.5) < 0.01 and hook.min() > 0 and hook.max() < 1


def test_a_behaviour_is_not_asked_where_there_is_no_video():
    behave(None, SimpleNamespace(duration_s=np.zeros(0, np.float32)), 3)
