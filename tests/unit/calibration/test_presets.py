"""From a folder to a preset and to predictions."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from feedtwin.calibration.calibrating import Source, calibrate
from feedtwin.calibration.judging import judge
from feedtwin.calibration.model import FATES, draw, occurrence_keys
from feedtwin.calibration.packing import SUFFIX, pack, unpack
from feedtwin.calibration.predicting import COLUMNS, predict, write_predictions
from feedtwin.calibration.preset import read_preset
from feedtwin.calibration.split import split_log
from feedtwin.datasets import sample_path
from feedtwin.datasets.kuairand import HISTORY, LOG, USERS, VIDEOS, KuaiRand
from feedtwin.datasets.kuairand_encounters import read_files
from feedtwin.datasets.samples import sample_hash_in
from feedtwin.errors import DataError, SettingsError

pytest.importorskip("sklearn", reason="fits need the extra `calibration`")

OUTCOMES = (
    "play_time_ms", "long_view", "is_like", "is_comment", "is_forward", "is_follow", "is_hate", "is_profile_enter"
)  # fmt: skip


def files(folder: Path, **changed: Path | None):
    paths = {"log": folder / LOG, "users": folder / USERS, "videos": folder / VIDEOS} | changed
    return read_files(KuaiRand(), **paths, every_row=True)  # type: ignore[arg-type]


def test_the_preset_says_what_it_is_fitted_to_and_what_it_is_not(preset) -> None:
    about = preset.about
    assert "generated sample" in preset.state and "ecosystem uncalibrated" in preset.state
    assert about["calibration"]["levels"]["ecosystem"].startswith("not fitted")
    assert about["calibration"]["exposure"].startswith("0 of")
    assert about["heads"]["skip"]["how"] == "columns"
    assert about["heads"]["share"]["how"].startswith("one rate")
    assert set(preset.models) == {"all", "split"}


def test_every_row_is_predicted_in_its_order_duplicates_too(
    folder: Path, preset, tmp_path: Path
) -> None:
    rows = files(folder)
    found = predict(preset.models["all"], rows, samples=2)
    source = pq.read_table(folder / LOG)
    write_predictions(tmp_path / "p.parquet", rows, found)
    table = pq.read_table(tmp_path / "p.parquet")
    assert table.num_rows == source.num_rows
    assert table["user_id"].to_pylist() == source["user_id"].to_pylist()
    assert table["video_id"].to_pylist() == source["video_id"].to_pylist()
    assert set(COLUMNS) <= set(table.column_names)
    for name in COLUMNS:
        values = found[name]
        assert np.all(np.isfinite(values)) and np.all(values >= 0), name
        assert name.startswith("watch") or np.all(values <= 1), name
    assert np.all(found["finish_p"] <= found["long_view_p"] + 1e-9)


def test_outcomes_in_the_log_are_not_looked_at(folder: Path, preset, tmp_path: Path) -> None:
    table = pq.read_table(folder / LOG)
    blind = table.drop_columns(list(OUTCOMES))
    pq.write_table(blind, tmp_path / "blind.parquet")
    before = predict(preset.models["all"], files(folder))
    after = predict(preset.models["all"], files(folder, log=tmp_path / "blind.parquet"))
    assert all(np.array_equal(before[name], after[name]) for name in COLUMNS)


def test_strangers_get_what_their_features_say(folder: Path, preset, tmp_path: Path) -> None:
    for name in (LOG, USERS):
        table = pq.read_table(folder / name)
        ids = np.array(table["user_id"].to_pylist()) + 10_000_000
        place = table.column_names.index("user_id")
        pq.write_table(table.set_column(place, "user_id", [ids.tolist()]), tmp_path / name)
    strange = files(folder, log=tmp_path / LOG, users=tmp_path / USERS)
    model = preset.models["all"]
    known, unknown = predict(model, files(folder)), predict(model, strange)
    assert np.std(unknown["skip_p"]) < np.std(known["skip_p"])
    assert np.corrcoef(known["skip_p"], unknown["skip_p"])[0, 1] > 0.5
    head = model.heads["skip"]
    spread = (
        head.uncertainty(model.material(strange)),
        head.uncertainty(model.material(files(folder))),
    )
    assert np.all(spread[0] > spread[1])


def test_a_log_that_knows_less_of_a_video_gives_it_the_same_column(
    folder: Path, preset, tmp_path: Path
) -> None:
    table = pq.read_table(folder / VIDEOS)
    less = table.drop_columns(
        [
            n
            for n in ("video_type", "upload_type", "music_type", "server_width", "server_height")
            if n in table.column_names
        ]
    )
    assert less.num_columns < table.num_columns
    pq.write_table(less.slice(0), tmp_path / VIDEOS)
    model = preset.models["all"]
    whole = predict(model, files(folder))
    assert all(
        np.array_equal(whole[name], predict(model, files(folder, videos=tmp_path / VIDEOS))[name])
        for name in COLUMNS
    )


def test_what_is_packed_comes_back(preset) -> None:
    head = preset.models["all"].heads["skip"]
    arrays = {f"all/skip/{k}": v for k, v in head.arrays().items()}
    again = unpack(pack(arrays), Path("x"))
    assert all(np.array_equal(again[k], v, equal_nan=True) for k, v in arrays.items())
    assert {v.dtype for v in again.values()} == {v.dtype for v in arrays.values()}
    with pytest.raises(DataError, match="no arrays of a preset"):
        unpack(b"text", Path("x"))


def test_the_sample_is_found_in_a_log_that_holds_it_and_in_no_other(log) -> None:
    sample = KuaiRand().read_encounters(sample_path())
    assert sample_hash_in(log) is None and sample_hash_in(sample) is None
    more = replace(sample, provenance=replace(sample.provenance, source_hash="of more files"))
    assert sample_hash_in(more) == sample.provenance.source_hash
    later = replace(more, rows=replace(more.rows, time_s=more.rows.time_s + 1.0))
    assert sample_hash_in(later) is None, "the same ids in another log are other people"


def test_predictions_agree_with_many_samples(folder: Path, preset) -> None:
    log, model = files(folder), preset.models["all"]
    rows, prospect = next(model.prospects(log))
    drawn = [draw(prospect, occurrence_keys(log)[rows], 7, k) for k in range(200)]
    watch = np.stack([one.watch_s for one in drawn])
    like = np.stack([one.signal["like"] for one in drawn])
    assert np.mean(watch < 3.0) == pytest.approx(prospect.skip.mean(), abs=0.005)
    assert np.mean(watch) == pytest.approx(prospect.mean().mean(), rel=0.02)
    assert np.mean(like) == pytest.approx(
        (prospect.fates() * prospect.signal["like"]).sum(axis=1).mean(), rel=0.05
    )
    assert np.mean(np.median(watch, axis=0)) == pytest.approx(
        prospect.quantile(np.full(len(prospect.skip), 0.5)).mean(), rel=0.03
    )
    assert np.allclose(prospect.fates().sum(axis=1), 1.0) and len(FATES) == 4


def test_draws_are_keyed_by_impression_not_by_place(folder: Path, preset, tmp_path: Path) -> None:
    log, model = files(folder), preset.models["all"]
    one, again = (predict(model, log, 1, seed)["sample_1_watch_s"] for seed in (7, 7))
    other = predict(model, log, 1, 8)["sample_1_watch_s"]
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    table = pq.read_table(folder / LOG)
    pq.write_table(table.slice(100), tmp_path / LOG)
    late = files(folder, log=tmp_path / LOG)
    first_meetings = occurrence_keys(late) == occurrence_keys(log)[100:]
    assert first_meetings.mean() > 0.8
    found = predict(model, late, 1, 7)["sample_1_watch_s"]
    assert np.array_equal(found[first_meetings], one[100:][first_meetings])


def test_a_fit_is_taken_up_where_it_stopped_and_ends_the_same(log, preset, tmp_path: Path) -> None:
    path, told = tmp_path / "again.yaml", []

    def stop(stage: str, number: int, of: int, kept: bool) -> None:
        told.append((stage, kept))
        if not kept and number == 3:
            raise KeyboardInterrupt

    small = {
        "calibration.boosting.trees_max": 8, "calibration.judge.trees": 8, "calibration.judge.resamples": 50,
    }  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        calibrate(log, Source("kuairand"), path, small, stop)
    assert not path.exists()
    calibrate(log, Source("kuairand"), path, small, lambda *one: told.append((one[0], one[3])))
    assert [stage for stage, kept in told[3:6]] == [stage for stage, _ in told[:3]]
    assert [kept for _, kept in told[3:7]] == [True, True, True, False]
    assert read_preset(path).about["arrays"]["sha256"] == preset.about["arrays"]["sha256"]
    assert not path.with_name("again.yaml.work").exists()


def test_other_constants_do_not_use_the_stages_of_before(log, tmp_path: Path) -> None:
    kept: list[bool] = []

    def stop(*one: object) -> None:
        kept.append(bool(one[3]))
        raise KeyboardInterrupt

    for trees in (4, 4, 5):
        with pytest.raises(KeyboardInterrupt):
            calibrate(
                log,
                Source("kuairand"),
                tmp_path / "x.yaml",
                {"calibration.boosting.trees_max": trees},
                stop,
            )
    assert kept == [False, True, False]


def test_altered_or_missing_arrays_are_refused(log, preset, tmp_path: Path) -> None:
    path = tmp_path / preset.path.name
    path.write_bytes(preset.path.read_bytes())
    with pytest.raises(DataError, match="side by side"):
        read_preset(path)
    arrays = preset.path.with_name(preset.path.name + SUFFIX).read_bytes()
    path.with_name(path.name + SUFFIX).write_bytes(arrays[:-1] + b"\x01")
    with pytest.raises(DataError, match="not those"):
        read_preset(path)


def test_the_split_is_the_published_hash_and_covers_every_row_once(log, preset) -> None:
    split = split_log(log, preset.about["constants"])
    together = split.train.astype(int) + split.days + split.people
    assert np.all(together == 1)
    assert np.all(log.rows.day[split.days] >= log.provenance.days - 2)
    key = int(log.users.key[log.rows.user[np.flatnonzero(split.people)[0]]])
    share = int(hashlib.sha256(f"kuairand-dev:{key}".encode()).hexdigest()[:8], 16) / 2**32
    assert share < 0.2


def test_the_fit_that_is_judged_never_sees_what_was_held_out(log, preset) -> None:
    split = split_log(log, preset.about["constants"])
    stranger = np.unique(log.rows.user[split.people])
    keys = log.users.key[stranger]
    head = preset.models["split"].heads["skip"]
    place = np.searchsorted(head.user_key, keys)
    assert np.all(head.user_effect[place] == 0.0)
    assert np.any(preset.models["all"].heads["skip"].user_effect[place] != 0.0)


def test_judging_reports_every_promise_with_its_parts(log, preset) -> None:
    report = judge(
        preset.models["split"],
        log,
        split_log(log, preset.about["constants"]),
        preset.about["constants"],
    )
    assert {row["outcome"] for row in report["scores"]} == {"watch", "skip", "like"}
    assert len(report["verdicts"]) == 4 and all(
        0 <= v["holds"] <= v["of"] for v in report["verdicts"]
    )
    for row in report["scores"]:
        value, low, high = row["against_boosting"]
        assert low <= value <= high
        assert value == pytest.approx(row["twin"] - row["boosting"])
    assert {row["decile"] for row in report["curves"]} == set(range(1, 11))


def test_a_log_without_watch_times_cannot_be_fitted(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no watch times"):
        calibrate(files_without_watch(folder, tmp_path), Source("kuairand"), tmp_path / "p.yaml")


def files_without_watch(folder: Path, tmp_path: Path):
    table = pq.read_table(folder / LOG).drop_columns(["play_time_ms"])
    pq.write_table(table, tmp_path / "blind.parquet")
    return files(folder, log=tmp_path / "blind.parquet", history=folder / HISTORY)


def test_a_split_that_leaves_nothing_is_refused(log, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="split leaves"):
        calibrate(
            log, Source("kuairand"), tmp_path / "p.yaml",
            {"calibration.split.users": 0.0, "calibration.split.days": 0},
        )  # fmt: skip
    with pytest.raises(SettingsError, match="at most"):
        calibrate(log, Source("kuairand"), tmp_path / "p.yaml", {"calibration.split.users": 2.0})
