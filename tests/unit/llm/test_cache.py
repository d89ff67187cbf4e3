"""Cache records are readable, sealed, and only ever used where they belong."""

import dataclasses
import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from feedtwin.errors import IntegrityError, RunFolderError
from feedtwin.llm.cache import FORMAT, RECORD_BYTES_MAX, Cache, Entry, Question
from feedtwin.llm.matching import Neighbours
from feedtwin.llm.shipping import export_cache, import_cache, verify_cache
from feedtwin.testing.samples import Lots

QUESTION = Question(
    task="CAPTION_GENERATION", version=1, key=(1, 2), seed=7, replicate=0, server="http://s/v1", model="m", temperature=0.8, tokens_max=100,
    sampling_seed=5, dialect="strict", schema_hash="0" * 64, messages=({"role": "system", "content": "x"},),
)  # fmt: skip


def entry(number=0, **how):
    question = dataclasses.replace(QUESTION, key=(number, 0))
    usual = {
        "key": question.digest(), "task": question.task, "version": 1, "server": "http://s/v1", "model": "m", "request": {"a": number, "b": [1, "x"]},
        "response": {"title": f"t{number}"}, "reason": "", "charged": 12, "tokens": (3, 4),
    }  # fmt: skip
    return Entry(**{**usual, **how})


def path_of(folder, one):
    return folder / one.task.lower() / one.key[:2] / f"{one.key}.json"


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache", seal_key="")


def test_a_record_comes_back_and_people_can_read_it(cache):
    one = entry()
    assert cache.get(one.task, one.key) is None
    cache.put(one)
    assert cache.get(one.task, one.key) == one
    text = path_of(cache.folder, one).read_text("ascii")
    assert json.loads(text)["response"] == {"title": "t0"} and text.count("\n") > 10
    assert path_of(cache.folder, one).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Question)])
def test_every_field_of_a_question_changes_its_key(field):
    value = getattr(QUESTION, field)
    other = {
        str: lambda v: f"{v}x", int: lambda v: v + 1, float: lambda v: v + 0.1,
        tuple: lambda v: (*v, v[0] if v else 1),
    }[type(value)](value)  # fmt: skip
    assert dataclasses.replace(QUESTION, **{field: other}).digest() != QUESTION.digest()


def test_a_changed_byte_is_a_miss_or_the_same_record(cache):
    one = entry()
    cache.put(one)
    path = path_of(cache.folder, one)
    data = path.read_bytes()
    lots, used = Lots("bytes"), 0
    for place in range(len(data)):
        for mask in (0x01, lots.one(2, 256)):
            path.write_bytes(data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :])
            found = cache.get(one.task, one.key)
            assert found is None or found == one  # white space of a readable file carries nothing
            used += found is not None
    assert used < len(data) // 4 and cache.misses["unsound"] > len(data)


def test_a_cut_file_is_a_miss(cache):
    one = entry()
    cache.put(one)
    path = path_of(cache.folder, one)
    data = path.read_bytes()
    for end in range(len(data) - 1):
        path.write_bytes(data[:end])
        assert cache.get(one.task, one.key) is None


def test_a_record_under_another_key_or_task_is_a_miss(cache):
    one, two = entry(1), entry(2)
    cache.put(one)
    other = path_of(cache.folder, two)
    other.parent.mkdir(parents=True, exist_ok=True)
    other.write_bytes(path_of(cache.folder, one).read_bytes())
    assert cache.get(two.task, two.key) is None
    moved = cache.folder / "trend_prediction" / one.key[:2] / f"{one.key}.json"
    moved.parent.mkdir(parents=True)
    moved.write_bytes(path_of(cache.folder, one).read_bytes())
    assert cache.get("TREND_PREDICTION", one.key) is None
    assert cache.misses["unsound"] == 2


def test_links_folders_devices_and_giants_are_misses(cache, tmp_path):
    one = entry()
    cache.put(one)
    path = path_of(cache.folder, one)
    sound = tmp_path / "sound.json"
    path.rename(sound)
    path.symlink_to(sound)
    assert cache.get(one.task, one.key) is None
    path.unlink()
    path.symlink_to("/dev/zero")
    assert cache.get(one.task, one.key) is None
    path.unlink()
    path.mkdir()
    assert cache.get(one.task, one.key) is None
    path.rmdir()
    os.mkfifo(path)
    assert cache.get(one.task, one.key) is None
    path.unlink()
    path.write_bytes(sound.read_bytes() + b" " * RECORD_BYTES_MAX)
    assert cache.get(one.task, one.key) is None


@pytest.mark.parametrize(
    "data",
    [
        b"", b"null", b"[]", b"{}", b'{"seal":1}', b"\x80\x04\x95", b"[" * 100_000, b'{"seal":"sha256:","format":1}', b"\xff\xfe",
        b'{"seal":null,"format":1}', b'{"a":NaN,"seal":"x"}',
    ],
)  # fmt: skip
def test_what_is_no_record_is_a_miss(cache, data):
    one = entry()
    path = path_of(cache.folder, one)
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    assert cache.get(one.task, one.key) is None


def test_a_sealed_record_of_wrong_types_is_a_miss(cache):
    """A plain seal can be made by anybody; what it seals is typed all the same."""
    one = entry()
    for field, value in (
        ("charged", -5),
        ("charged", "0"),
        ("tokens", [1]),
        ("response", [1]),
        ("version", 1.5),
        ("key", "../../x"),
    ):
        body = {"format": FORMAT, **one.model_dump(mode="json"), field: value}
        data = json.dumps({**body, "seal": cache._seal(body)}).encode()
        with pytest.raises(IntegrityError):
            cache.opened(data, "here")


def test_whoever_came_first_is_the_answer_and_an_unsound_record_is_replaced(cache):
    one = entry()
    later = one.model_copy(update={"response": {"title": "later"}})
    cache.put(one)
    cache.put(later)
    assert cache.get(one.task, one.key) == one
    path_of(cache.folder, one).write_text("{}")
    cache.put(later)
    assert cache.get(one.task, one.key) == later


def test_a_record_without_an_answer_never_stands_in_the_way_of_one(cache):
    failed = entry(response=None, reason="http 401", charged=0)
    later, answer = failed.model_copy(update={"reason": "timeout", "charged": 9}), entry()
    assert cache.put(failed) == failed
    assert cache.put(later) == later == cache.get(later.task, later.key)
    assert cache.put(answer) == answer == cache.get(answer.task, answer.key)
    assert cache.put(failed) == answer == cache.get(answer.task, answer.key)


def test_whoever_writes_is_told_which_record_stands(cache):
    one = entry()
    later = one.model_copy(update={"response": {"title": "later"}})
    assert cache.put(one) == one
    assert cache.put(later) == one
    assert cache.put(later, lambda standing: standing.charged != 12) == later
    rivals = [entry(1, response={"title": f"x{k}"}) for k in range(64)]
    cache.put(entry(1, response=None, reason="timeout"))
    with ThreadPoolExecutor(16) as pool:
        stands = list(pool.map(cache.put, rivals))
    assert {one.model_dump_json() for one in stands} == {
        cache.get(rivals[0].task, rivals[0].key).model_dump_json()
    }


def test_a_seal_key_shuts_out_records_of_others(tmp_path):
    plain, mine = Cache(tmp_path, seal_key=""), Cache(tmp_path, seal_key="my key")
    one, two = entry(1), entry(2)
    plain.put(one)
    mine.put(two)
    assert mine.get(one.task, one.key) is None and mine.get(two.task, two.key) == two
    assert plain.get(two.task, two.key) is None


def test_the_seal_key_comes_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("FEEDTWIN_CACHE_KEY", "my key")
    one = entry()
    Cache(tmp_path).put(one)
    assert Cache(tmp_path, seal_key="my key").get(one.task, one.key) == one
    assert "my key" not in path_of(tmp_path, one).read_text()


def test_writers_at_once_leave_one_whole_record(cache):
    rivals = [entry(k % 10, response={"title": "x" * (k + 1) * 50}) for k in range(400)]

    def write_and_read(one):
        cache.put(one)
        found = cache.get(one.task, one.key)
        assert found is not None and found.key == one.key
        return found

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(write_and_read, rivals))
    assert len({one.model_dump_json() for one in found}) == 10
    assert sorted(p.name[0] for p in cache.folder.rglob("*") if p.is_file()) == sorted(
        p.name[0] for p in cache.folder.rglob("*.json")
    )


def test_export_and_import_carry_everything_over(cache, tmp_path):
    entries = [entry(k) for k in range(20)]
    for one in entries:
        cache.put(one)
    assert export_cache(cache.folder, tmp_path / "all.jsonl") == 20
    other = Cache(tmp_path / "other", seal_key="")
    assert import_cache(tmp_path / "all.jsonl", other.folder) == 20
    assert [other.get(one.task, one.key) for one in entries] == entries
    assert export_cache(other.folder, tmp_path / "again.jsonl") == 20
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "all.jsonl").read_bytes()


def test_a_broken_line_stops_an_import_before_anything_is_taken(cache, tmp_path):
    for k in range(3):
        cache.put(entry(k))
    export_cache(cache.folder, tmp_path / "all.jsonl")
    lines = (tmp_path / "all.jsonl").read_text().splitlines()
    for broken in (
        lines[1].replace("t", "u", 1),
        "{}",
        lines[1][:-5],
        "x" * (RECORD_BYTES_MAX + 9),
    ):
        (tmp_path / "bad.jsonl").write_text("\n".join([lines[0], broken, lines[2]]))
        other = Cache(tmp_path / "other", seal_key="")
        with pytest.raises(IntegrityError, match=r"bad\.jsonl, line 2"):
            import_cache(tmp_path / "bad.jsonl", other.folder)
        assert not (tmp_path / "other").exists()
    with pytest.raises(RunFolderError, match="cannot be read"):
        import_cache(tmp_path / "missing.jsonl", cache.folder)


def test_an_unsound_record_stops_an_export(cache, tmp_path):
    cache.put(entry())
    path_of(cache.folder, entry()).write_text("{}")
    with pytest.raises(IntegrityError):
        export_cache(cache.folder, tmp_path / "all.jsonl")
    assert not (tmp_path / "all.jsonl").exists()


def test_the_nearest_record_is_found_with_its_distance_and_ties_go_to_the_lower_key(cache):
    base = {"a": 1, "b": [1, 2], "c": "x"}
    near = entry(1, request={**base, "c": "y"})
    far = entry(2, request={"a": 9, "b": [9, 9], "c": "z"})
    twin = entry(3, request={**base, "c": "z"})
    for one in (near, far, twin):
        cache.put(one)
    cache.put(entry(4, request=base, response=None, reason="timeout"))
    known = Neighbours.of(cache)
    group = (near.task, 1, "http://s/v1", "m")
    found = known.nearest(group, base, 250_000)
    assert found == (min(near, twin, key=lambda one: one.key), 250_000)
    assert known.nearest(group, base, 249_999) is None
    for others in (
        (near.task, 2, "http://s/v1", "m"),
        (near.task, 1, "http://other/v1", "m"),
        (near.task, 1, "http://s/v1", "other"),
    ):
        assert known.nearest(others, base, 10**6) is None
    assert known.nearest(group, near.request, 0) == (near, 0)


def test_what_a_run_stores_itself_cannot_change_what_it_finds(cache):
    known = Neighbours.of(cache)
    cache.put(entry(1))
    group = (entry(1).task, 1, "http://s/v1", "m")
    assert known.nearest(group, entry(1).request, 10**6) is None


def test_a_record_that_does_not_say_which_server_answered_is_refused_in_a_sentence(cache, tmp_path):
    body = {"format": 1, **entry().model_dump(mode="json")}
    del body["server"]
    (tmp_path / "old.jsonl").write_text(json.dumps({**body, "seal": cache._seal(body)}))
    with pytest.raises(IntegrityError, match=r"old\.jsonl, line 1: .*format 1; expected 2.*server"):
        import_cache(tmp_path / "old.jsonl", cache.folder)
    assert not cache.folder.exists()


@pytest.mark.parametrize("key", ["my key", "kl\udcff\udcfe"])
def test_any_bytes_may_be_the_seal_key(tmp_path, monkeypatch, key):
    monkeypatch.setenv("FEEDTWIN_CACHE_KEY", key)
    Cache(tmp_path).put(entry())
    assert Cache(tmp_path).get(entry().task, entry().key) == entry()
    assert Cache(tmp_path, seal_key="").get(entry().task, entry().key) is None


def test_an_empty_folder_is_not_exported(cache, tmp_path):
    cache.folder.mkdir()
    with pytest.raises(RunFolderError, match="holds no record, so nothing was written"):
        export_cache(cache.folder, tmp_path / "all.jsonl")
    assert not (tmp_path / "all.jsonl").exists()


def test_blank_lines_of_an_import_say_nothing(cache, tmp_path):
    cache.put(entry())
    export_cache(cache.folder, tmp_path / "all.jsonl")
    with (tmp_path / "all.jsonl").open("a") as file:
        file.write("\n \r\n")
    assert import_cache(tmp_path / "all.jsonl", tmp_path / "other") == 1


def test_a_studys_answers_travel_each_once_and_every_cell_gets_its_own_back(tmp_path):
    one, two, three = "1" * 24, "2" * 24, "3" * 24
    other = entry(1, response={"title": "another"})
    own = {one: [entry(1), entry(2)], two: [entry(1)], three: [other]}
    for cell, entries in own.items():
        for record in entries:
            Cache(tmp_path / "study" / "llm-cache" / cell).put(record)
    assert verify_cache(tmp_path / "study").records == {"CAPTION_GENERATION": 4}
    assert export_cache(tmp_path / "study", tmp_path / "all.jsonl") == 3
    assert import_cache(tmp_path / "all.jsonl", tmp_path / "back") == 3
    for cell, entries in own.items():
        back = Cache(tmp_path / "back" / "llm-cache" / cell)
        assert {e.model_dump_json() for _, e in back.entries()} == {
            e.model_dump_json() for e in entries
        }
    line = json.loads((tmp_path / "all.jsonl").read_text().splitlines()[0])
    for cells in (["../../escaped"], [], "1" * 24, [7]):
        (tmp_path / "bad.jsonl").write_text(json.dumps({**line, "cells": cells}))
        with pytest.raises(IntegrityError, match=r"bad\.jsonl, line 1: .*names of cells"):
            import_cache(tmp_path / "bad.jsonl", tmp_path / "x")
    assert not (tmp_path / "x").exists()
