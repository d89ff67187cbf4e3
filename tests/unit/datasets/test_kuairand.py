from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feedtwin.datasets import RealWorld, adaptor
from feedtwin.datasets.kuairand import HISTORY, LOG, USERS, VIDEOS, KuaiRand
from feedtwin.errors import SettingsError

TABLES = ("people", "accounts", "catalogue", "categories")


def differences(one: RealWorld, two: RealWorld) -> list[str]:
    """Names of the table columns in which two worlds differ."""
    found = []
    for name in TABLES:
        a, b = getattr(one, name), getattr(two, name)
        found += [
            f"{name}.{f.name}"
            for f in fields(a)
            if not np.array_equal(getattr(a, f.name), getattr(b, f.name))
        ]
    return found


def note(world: RealWorld, words: str) -> str:
    return next(text for text in world.notes if words in text)


def test_a_tiny_folder_goes_through_the_reader_and_says_it_is_generated(tiny: Path) -> None:
    world = adaptor("kuairand").read(tiny)
    assert world.state == "generated sample"
    assert 50 <= len(world.people) <= 60
    assert len(world.catalogue) == 38
    assert "unknown" in world.categories.names
    assert world.provenance.first_day == "2022-04-25"
    assert "CC BY-SA" not in world.licence


def test_a_real_log_says_so_and_carries_licence_and_citation(sample: RealWorld) -> None:
    assert sample.state == "real log"
    assert sample.licence.startswith("CC BY-SA 4.0")
    assert "CIKM 2022" in sample.citation
    assert len(sample.source_hash) == 64


def test_duplicates_other_surfaces_and_unknown_durations_are_counted(tiny: Path) -> None:
    log = pq.read_table(tiny / LOG)
    distinct = log.group_by(log.column_names).aggregate([])
    other = sum(tab != 1 for tab in distinct["tab"].to_pylist())
    unknown = sum(
        tab == 1 and duration == 0
        for tab, duration in zip(
            distinct["tab"].to_pylist(), distinct["duration_ms"].to_pylist(), strict=True
        )
    )
    assert log.num_rows - distinct.num_rows == 3 and other > 0 and unknown > 0
    world = KuaiRand().read(tiny)
    assert note(world, "duplicates").startswith("3 exact duplicates")
    assert note(world, "surfaces").startswith(f"{other} rows")
    assert note(world, "duration 0").startswith(f"{unknown} kept impressions")
    assert world.rates["impressions"] == distinct.num_rows - other


def test_the_same_files_give_the_same_world_twice(tiny: Path) -> None:
    one, two = KuaiRand().read(tiny), KuaiRand().read(tiny)
    assert differences(one, two) == []
    assert one.source_hash == two.source_hash and one.rates == two.rates


def test_the_order_of_the_log_rows_changes_nothing_but_the_hash(tiny: Path) -> None:
    before = KuaiRand().read(tiny)
    log = pq.read_table(tiny / LOG)
    pq.write_table(log.take(pa.array(range(log.num_rows - 1, -1, -1))), tiny / LOG)
    after = KuaiRand().read(tiny)
    assert differences(before, after) == []
    assert before.source_hash != after.source_hash


def test_generated_files_depend_on_the_seed_and_on_nothing_else(tmp_path: Path) -> None:
    paths = [
        KuaiRand().write_tiny(tmp_path / name, seed)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    for name in (LOG, USERS, VIDEOS, HISTORY):
        one, same, other = (pq.read_table(path / name) for path in paths)
        assert one.equals(same)
        assert not one.equals(other)


def test_without_the_history_file_the_world_is_built_and_says_so(tiny: Path) -> None:
    before = KuaiRand().read(tiny)
    (tiny / HISTORY).unlink()
    after = KuaiRand().read(tiny)
    assert "the log alone" in note(after, HISTORY)
    assert differences(before, after) == ["people.affinity"]


def test_a_person_of_whom_nothing_is_known_has_baseline_affinities(tiny: Path) -> None:
    (tiny / HISTORY).unlink()
    skipper = pq.read_table(tiny / LOG)["user_id"][0].as_py()

    def skip_all(table: pa.Table) -> pa.Table:
        theirs = np.array(table["user_id"].to_pylist()) == skipper
        columns: dict[str, Any] = {name: table[name] for name in table.column_names}
        for name in ("play_time_ms", "long_view", "is_like"):
            columns[name] = np.where(theirs, 0, table[name].to_numpy())
        return pa.table(columns)

    pq.write_table(skip_all(pq.read_table(tiny / LOG)), tiny / LOG)
    gain = {"kuairand_fit.affinity.response_gain": 0.0}
    people = KuaiRand(gain).read(tiny).people
    row = int(np.flatnonzero(people.key == skipper)[0])
    assert people.affinity[row] == pytest.approx(0.1)
    assert np.ptp(people.affinity) > 0.01


def test_people_keep_the_order_of_the_source(sample: RealWorld) -> None:
    assert np.all(np.diff(sample.people.key) > 0)


def test_ordinals_count_each_accounts_videos_by_upload_day_and_id(sample: RealWorld) -> None:
    catalogue = sample.catalogue
    assert sorted(np.unique(catalogue.account)) == list(range(len(sample.accounts)))
    order = np.lexsort((catalogue.ordinal, catalogue.account))
    account, ordinal = catalogue.account[order], catalogue.ordinal[order]
    first = np.concatenate([[True], np.diff(account) > 0])
    assert np.all(ordinal[first] == 0)
    assert np.all(np.diff(ordinal)[~first[1:]] == 1)
    age, key = catalogue.age_h[order], catalogue.key[order]
    within = ~first[1:]
    assert np.all(np.diff(age)[within] <= 0)
    tied = within & (np.diff(age) == 0)
    assert np.all(np.diff(key)[tied] > 0)


def test_taking_people_repeats_and_reorders_every_column(sample: RealWorld) -> None:
    taken = sample.people.take([5, 0, 5])
    assert len(taken) == 3
    for f in fields(taken):
        source = getattr(sample.people, f.name)
        assert np.array_equal(getattr(taken, f.name), source[[5, 0, 5]])
    with pytest.raises(IndexError):
        sample.people.take([len(sample.people)])


def test_an_unknown_adaptor_or_constant_is_refused(tiny: Path) -> None:
    with pytest.raises(SettingsError, match="kuairand"):
        adaptor("kuairex")
    with pytest.raises(SettingsError, match="baseline"):
        KuaiRand({"kuairand_fit.affinity.basline": 0.2}).read(tiny)
    with pytest.raises(SettingsError, match=r"at most 0\.9"):
        KuaiRand({"kuairand_fit.affinity.baseline": 0.95}).read(tiny)


def test_parameters_of_other_sections_are_passed_over(tiny: Path) -> None:
    plain = KuaiRand().read(tiny)
    assert differences(plain, adaptor("kuairand", {"user.energy.of_nobody": 1}).read(tiny)) == []
    changed = adaptor("kuairand", {"kuairand_fit.affinity.baseline": 0.2}).read(tiny)
    assert differences(plain, changed) == ["people.affinity"]


def test_reading_prints_nothing(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    KuaiRand().read(tiny)
    assert capsys.readouterr() == ("", "")
