"""A world with a preset: the encounter acts by what was fitted, and by nothing else but the match beyond it."""

import json
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from feedtwin.calibration.calibrating import Source, calibrate
from feedtwin.calibration.model import FATES
from feedtwin.calibration.preset import read_preset
from feedtwin.datasets.kuairand import KuaiRand
from feedtwin.errors import DataError, SettingsError
from feedtwin.numerics import logistic32
from feedtwin.session import FINISHED, LIKE, SKIP
from feedtwin.testing.hot import Sizes, default_scalars
from feedtwin.twins.interaction.columns import FittedColumns
from feedtwin.twins.interaction.encounter import match_of
from feedtwin.twins.interaction.fitted import fitted_reference, log_odds
from feedtwin.world.build import build
from feedtwin.world.replay import replay
from feedtwin.world.running import RunOptions, start
from feedtwin.world.tracing import trace

pytest.importorskip("sklearn", reason="fits need the extra `calibration`")

SMALL = {"calibration.boosting.trees_max": 3, "calibration.effects.sweeps": 15}
NO_MATCH = ("interaction.skip_match=0", "interaction.index_match=0", "interaction.engage_match=0")
FEED = 1
PER_ROW = 40
"""Outcomes drawn for each impression of the log."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return KuaiRand().write_tiny(tmp_path_factory.mktemp("data"), 0, 200, 60)


@pytest.fixture(scope="module")
def log(folder):
    return KuaiRand().read_encounters(folder)


@pytest.fixture(scope="module")
def preset(log, tmp_path_factory):
    path = tmp_path_factory.mktemp("preset") / "tiny.yaml"
    calibrate(log, Source("kuairand"), path, SMALL)
    return read_preset(path)


@pytest.fixture(scope="module")
def settings(lab, folder, preset):
    def made(*sets: str, **options):
        return lab.tiny(
            "kuairand",
            None,
            sets=[f"data.path={folder}", *sets],
            preset=str(preset.path),
            **options,
        )

    return made


@pytest.fixture(scope="module")
def met(settings, kernels, log):
    """The log's impressions on the feed whose people and videos a world has, and what its encounter says of them."""
    world = build(settings(*NO_MATCH), kernels)
    return _met(world, log)


def _met(world, log):
    fitted, items, users = world.interaction._fitted, world.content.table, world.users.table
    a = SimpleNamespace(
        **fitted.arrays(items, 0), **world.interaction.config.fitted_scalars(fitted.tables.half_way),
        interests=users.interests, creator=items.creator, ordinal=items.ordinal, label=items.label,
        duration_s=items.duration_s, match_vectors=world.content.match_vectors[0],
        match_inv_norm=world.content.match_vectors[1],
    )  # fmt: skip
    keys = _keys(world, log)
    known = (log.rows.surface == FEED) & (keys[0] >= 0) & (keys[1] >= 0)
    rows = np.flatnonzero(known)
    hours = (log.rows.day.astype(int) * 24 + log.rows.hour)[rows]
    moment = fitted.tables.moments[(fitted.tables.first_hour + hours) % 168]
    return SimpleNamespace(
        world=world,
        a=a,
        rows=rows,
        user=keys[0][rows].astype(np.uint32),
        item=keys[1][rows],
        moment=moment,
    )


def _keys(world, log):
    """User and content row of every impression of the log, -1 where the world has none."""
    from feedtwin.datasets.parquet import rows_of
    from feedtwin.world.real import read_world

    real = read_world(world.settings)
    person, is_person = rows_of(real.people.key, log.users.key[log.rows.user])
    video, is_video = rows_of(real.catalogue.key, log.videos.key[log.rows.video])
    return (
        np.where(is_person, person + len(real.accounts), -1),
        np.where(is_video, video, -1),
    )


def _predicted(preset, log, rows):
    """What the model says of some rows offline."""
    found = {
        "skip": [],
        "stay": [],
        "skip_s": [],
        "duration": [],
        **{n: [] for n in ("like", "share")},
    }
    fates = []
    for at, one in preset.models["all"].prospects(log):
        inside = rows[(rows >= at.start) & (rows < at.stop)] - at.start
        found["skip"].append(one.skip[inside])
        found["stay"].append(one.stay[inside])
        found["skip_s"].append(one.skip_s[inside])
        found["duration"].append(one.duration_s[inside])
        fates.append(one.fates()[inside])
        for name in ("like", "share"):
            found[name].append(one.signal[name][inside])
    return SimpleNamespace(
        **{name: np.concatenate(parts) for name, parts in found.items()},
        fates=np.concatenate(fates),
    )


def test_every_probability_equals_the_offline_prediction(met, preset, log) -> None:
    offline = _predicted(preset, log, met.rows)
    assert len(met.rows) > 1000 and np.std(offline.skip) > 0.05
    a = SimpleNamespace(**{**vars(met.a), "moment": np.zeros(8, np.float32)})
    odds = [values[:, 0] for values in log_odds(a, met.user, met.item[:, None])]
    odds = [values + met.moment[:, k] for k, values in enumerate(odds)]
    assert np.abs(logistic32(odds[0]) - offline.skip).max() < 1e-6
    for place, name in enumerate(("like", "share")):
        for fate in range(len(FATES)):
            added = a.fate[place, fate - 1] if fate else np.float32(0.0)
            ours = logistic32(odds[2 + place] + added)
            assert np.abs(ours - getattr(offline, name)[:, fate]).max() < 1e-6, (name, fate)
    index = odds[1]
    bins = a.duration_bin[met.item]
    ours = np.stack([_curve(a, b, i) for b, i in zip(bins, index, strict=True)])
    assert np.abs(ours - offline.stay).max() < 2e-4
    assert np.allclose(a.skip_curve, offline.skip_s[0], atol=1e-5)


def _curve(a, b, index):
    used = np.isfinite(a.centre[b]).sum()
    place = np.interp(index, a.centre[b, :used], np.arange(used))
    low = int(min(place, max(used - 2, 0)))
    return (1 - (place - low)) * a.curves[b, low] + (place - low) * a.curves[
        b, min(low + 1, used - 1)
    ]


def _outcomes(met):
    """PER_ROW outcomes of each impression, under nobody's fatigue."""
    rows = len(met.rows)
    users = len(met.a.interests)
    shape = (rows, PER_ROW)
    a = SimpleNamespace(
        **{**default_scalars(Sizes()), **vars(met.a), "energy_exit": np.float32(-1), "impressions_max": 1000},
        user=met.user, row=np.repeat(met.item[:, None], PER_ROW, axis=1).astype(np.uint32),
        meeting=np.repeat(np.arange(PER_ROW, dtype=np.uint16)[None, :], rows, axis=0),
        served_count=np.full(rows, PER_ROW, np.uint8),
        energy=np.ones(users, np.float32), satisfaction=np.ones(users, np.float32),
        stamina_s=np.full(users, 1e6, np.float32), boredom=np.zeros(users, np.uint8),
        patience=np.full(users, 255, np.uint8), session_impressions=np.zeros(users, np.uint16),
        flags=np.zeros(shape, np.uint8), watch_ms=np.zeros(shape, np.uint32),
        completion=np.zeros(shape, np.float32), reached_count=np.zeros(rows, np.uint8),
    )  # fmt: skip
    hours = np.unique(met.moment, axis=0, return_inverse=True)
    for number, moment in enumerate(hours[0]):
        mine = np.flatnonzero(hours[1].reshape(-1) == number)
        part = SimpleNamespace(**vars(a))
        part.moment = moment
        for name in (
            "user",
            "row",
            "meeting",
            "served_count",
            "flags",
            "watch_ms",
            "completion",
            "reached_count",
        ):
            setattr(part, name, getattr(a, name)[mine].copy())
        fitted_reference(part, 0, len(mine))
        for name in ("flags", "watch_ms", "completion", "reached_count"):
            getattr(a, name)[mine] = getattr(part, name)
    assert (a.reached_count == PER_ROW).all()
    return a


def test_what_people_do_with_the_logs_impressions_is_distributed_as_predicted(
    met, preset, log
) -> None:
    offline, a = _predicted(preset, log, met.rows), _outcomes(met)
    skipped, watch_s = (a.flags & SKIP) != 0, a.watch_ms / 1000.0
    assert (watch_s[skipped] < 3.0).all() and (watch_s[~skipped] >= 3.0).all()
    assert not (a.flags[skipped] & FINISHED).any()
    assert skipped.mean() == pytest.approx(offline.skip.mean(), abs=0.005)
    likes = (offline.fates * offline.like).sum(axis=1)
    assert ((a.flags & LIKE) != 0).mean() == pytest.approx(likes.mean(), rel=0.06)
    assert ((a.flags & FINISHED) != 0).mean() == pytest.approx(
        offline.fates[:, 3].mean(), abs=0.006
    )
    edges = np.quantile(offline.duration, [0, 0.33, 0.67, 1])
    for low, high in pairwise(edges):
        inside = (offline.duration >= low) & (offline.duration <= high)
        for level in (0.25, 0.5, 0.75, 0.9):
            expected = np.quantile(_sampled(preset, offline, inside), level)
            found = np.quantile(watch_s[inside], level)
            assert found == pytest.approx(expected, rel=0.06, abs=0.3), (low, level)


def _sampled(preset, offline, inside):
    """Watch times of some rows at evenly spread levels, by the model itself."""
    from feedtwin.calibration.tables import at_level, seconds

    found = []
    for k in range(PER_ROW):
        level = np.full(int(inside.sum()), (k + 0.5) / PER_ROW)
        skip, stay = offline.skip[inside], offline.stay[inside]
        early = at_level(offline.skip_s[inside], np.clip(level / skip, 0, 1))
        rest = np.clip((level - skip) / (1 - skip), 0, 1)
        late = seconds(at_level(stay, rest), offline.duration[inside])
        found.append(np.where(level < skip, early, late))
    return np.concatenate(found)


def test_the_match_beyond_the_columns_is_zero_on_average_over_the_log(
    settings, kernels, log
) -> None:
    found = _met(build(settings(), kernels), log)
    match = match_of(found.a, found.user, found.item[:, None])[:, 0]
    rest = match - (found.a.person[found.user, 6] + found.a.video[found.item, 6])
    assert abs(rest.mean()) < 1e-4 and rest.std() < match.std()
    with_match = log_odds(found.a, found.user, found.item[:, None])[0][:, 0]
    without = with_match + found.a.skip_match * rest
    assert logistic32(with_match).mean() == pytest.approx(logistic32(without).mean(), abs=0.003)
    assert np.abs(with_match - without).max() > 0.01


def test_kernels_and_numpy_give_the_same_digests(lab, settings, kernels, numpy_kernels) -> None:
    ours = lab.chain(settings(), numpy_kernels, 4)
    assert lab.chain(settings(), kernels, 4) == ours
    assert lab.chain(settings("interaction.form=repaired"), kernels, 4) != ours
    assert lab.chain(settings("calibration.draw=1"), kernels, 4) != ours


def test_one_more_user_who_meets_nobody_changes_no_column_and_no_row(
    lab, settings, kernels
) -> None:
    one, more = (
        build(settings(), kernels),
        build(
            settings(append={"users": [{}], "videos": [{"creator": 0, "ordinal": 900}]}), kernels
        ),
    )
    ours, theirs = lab.logged(one, 6), lab.logged(more, 6)
    assert [(e, s, t.num_rows) for e, s, t in ours if t.num_rows] == [
        (e, s, t.num_rows) for e, s, t in theirs if t.num_rows
    ]
    for (event, step, a), (_, _, b) in zip(
        [row for row in ours if row[2].num_rows],
        [row for row in theirs if row[2].num_rows],
        strict=True,
    ):
        assert a.equals(b), (event, step)
    people = one.interaction._fitted.person
    assert np.array_equal(people, more.interaction._fitted.person[: len(people)])


class Items(SimpleNamespace):
    """As much of an items table as columns look at."""

    def __len__(self) -> int:
        return len(self.creator)


def test_an_upload_takes_the_columns_of_a_video_of_its_category(met) -> None:
    fitted, items = met.world.interaction._fitted, met.world.content.table
    known, new = len(fitted.known), 600
    names = ("creator", "ordinal", "category", "duration_s")
    old = {name: np.asarray(getattr(items, name))[:known] for name in names}
    more = {
        "creator": np.full(new, 3, np.uint32), "ordinal": np.arange(5000, 5000 + new, dtype=np.uint32),
        "category": np.full(new, old["category"][0]), "duration_s": np.full(new, 40, np.float32),
    }  # fmt: skip

    def video(order):
        table = Items(**{name: np.concatenate([old[name], more[name][order]]) for name in names})
        made = FittedColumns(
            fitted.tables, fitted.person, fitted.known, fitted.category, fitted.draws
        )
        made.arrays(Items(**{name: values[: known + 5] for name, values in vars(table).items()}), 0)
        return made.arrays(table, 0)["video"]

    straight = np.arange(new)
    found = video(straight)
    assert np.array_equal(found[:known], fitted.known)
    pool = np.unique(fitted.known[fitted.category == old["category"][0]], axis=0)
    rows, count = np.unique(found[known:], axis=0, return_counts=True)
    assert np.array_equal(rows, pool) and count.min() > 0.3 * new / len(pool)
    assert np.array_equal(video(straight[::-1])[known:], found[known:][::-1])


def test_draws_spread_people_and_keep_levels(settings, kernels, met, log) -> None:
    drawn = _met(build(settings("calibration.draw=3", *NO_MATCH), kernels), log)
    other = _met(build(settings("calibration.draw=4", *NO_MATCH), kernels), log)
    zero = met.a.person
    assert drawn.a.person[:, 0].std() > zero[:, 0].std()
    assert not np.array_equal(drawn.a.person, other.a.person)

    def skips(one):
        odds = log_odds(
            SimpleNamespace(**{**vars(one.a), "moment": np.zeros(8, np.float32)}),
            one.user,
            one.item[:, None],
        )
        return logistic32(odds[0][:, 0] + one.moment[:, 0]).mean()

    assert skips(drawn) == pytest.approx(skips(met), abs=1e-3)


def test_a_run_says_what_it_is_fitted_to_and_replays(settings, kernels, tmp_path: Path) -> None:
    start(settings(), tmp_path / "run", RunOptions(3, "full"), kernels)
    state = json.loads((tmp_path / "run" / "manifest.json").read_text("utf-8"))["calibration"]
    assert state.startswith("partly calibrated: encounter fitted to kuairand")
    assert "tiny.yaml (SHA-256 " in state and state.endswith("draw 0")
    assert replay(tmp_path / "run", kernels).steps == 3


def test_an_impression_is_traced_to_its_columns(settings, kernels, tmp_path: Path) -> None:
    from feedtwin.record.reader import Run
    from feedtwin.world.impressions import Impression

    start(settings(), tmp_path / "run", RunOptions(3, "full"), kernels)
    served = Run.open(tmp_path / "run").events("IMPRESSION_SERVED").to_pylist()
    for row in served[:: max(len(served) // 5, 1)]:
        wanted = Impression(row["user"], row["request"], row["slot"])
        found = trace(tmp_path / "run", wanted, kernels).encounter
        assert found["form"] == "fitted"
        if found["reached"]:
            assert sum(found["hook"]["terms"].values()) == pytest.approx(
                found["hook"]["log_odds"], abs=1e-5
            )
            assert set(found["engagement"]) == {"like", "share", "comment", "follow"}


def test_what_cannot_be_is_refused_in_a_sentence(
    lab, settings, folder, preset, kernels, tmp_path: Path
) -> None:
    for sets in (["interaction.form=fitted"], ["calibration.draw=2"]):
        with pytest.raises(SettingsError, match="--preset FILE"):
            build(lab.tiny("kuairand-sample", 60, sets=sets), kernels)
    with pytest.raises(SettingsError, match="reads no data"):
        lab.tiny("synthetic", preset=str(preset.path))
    with pytest.raises(SettingsError, match="no such file"):
        lab.tiny("kuairand-sample", preset=str(tmp_path / "none.yaml"))
    other = KuaiRand().write_tiny(tmp_path / "other", 1, 200, 60)
    with pytest.raises(DataError, match="fitted to other files"):
        build(settings(f"data.path={other}"), kernels)


def test_a_preset_that_changed_since_the_run_is_refused(settings, preset, kernels) -> None:
    before = settings()
    changed = before.model_copy(
        update={"data": {**before.data, "preset": {**before.data["preset"], "sha256": "0" * 64}}}
    )
    with pytest.raises(DataError, match="not the one that this run was made with"):
        build(changed, kernels)
