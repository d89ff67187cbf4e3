"""An audit passes what is sound, and says in words what is not."""

import shutil

import pytest

import feedtwin
from feedtwin.errors import RunFolderError
from feedtwin.lab.auditing import FAILED, PASSED, SKIPPED, audit, rates
from feedtwin.lab.auditing.rates import RATES, Audited, check_rates, stated_by
from feedtwin.lab.metrics import METRICS
from feedtwin.lab.run_data import RunData
from feedtwin.lab.study.tables import as_json
from feedtwin.schema.settings import resolve

SMALL = """\
world: synthetic
users: 60
seed: 3
horizon: 6
warmup: 3
arms:
  base: {}
  random: {policies: {recommendation: random}}
  same: {parameters: {promotion.velocity_gate_absolute: 77.0}}
replicates: 3
estimands:
  - metric: [watch_s, gift_revenue]
"""


@pytest.fixture(scope="module")
def run_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("audit") / "run"
    feedtwin.run("synthetic", users=80, steps=8, seed=2, out=path, threads=1)
    return path


def states(found):
    return {one.check: one.state for one in found.findings}


def test_a_sound_run_passes(run_path):
    found = audit(run_path)
    assert found.ok and found.kind == "run"
    for check in (
        "hashes", "code version", "conservation", "re-execution", "order invariance", "placebo",
        "rate: interaction.skip_target", "rate: user.sessions_per_day",
        "dose response: interaction.skip_target on skips per impressions",
    ):  # fmt: skip
        assert states(found)[check] == PASSED, check


def test_an_altered_byte_is_found_and_said(run_path, tmp_path):
    path = tmp_path / "run"
    shutil.copytree(run_path, path)
    table = path / "tables" / "items.parquet"
    data = bytearray(table.read_bytes())
    data[len(data) // 2] ^= 1
    table.write_bytes(bytes(data))
    found = audit(path, worlds=False)
    (bad,) = [one for one in found.findings if one.state == FAILED]
    assert bad.check == "hashes" and "items.parquet" in bad.words and not found.ok


def test_an_altered_manifest_is_found_and_said(run_path, tmp_path):
    path = tmp_path / "run"
    shutil.copytree(run_path, path)
    manifest = path / "manifest.json"
    manifest.write_text(manifest.read_text("utf-8").replace("synthetic", "real"), "utf-8")
    found = audit(path, worlds=False)
    (bad,) = [one for one in found.findings if one.state == FAILED]
    assert bad.check == "hashes" and "manifest.json" in bad.words and not found.ok


def test_a_study_is_told_its_dead_metric_and_its_copy(small):
    found = audit(small.path, worlds=False)
    assert not found.ok
    failed = {one.check: one.words for one in found.findings if one.state == FAILED}
    assert set(failed) == {"metric liveness", "duplicate cells", "inert arm"}
    assert "gift_revenue" in failed["metric liveness"]
    for check in ("hashes", "conservation", "pairing", "table", "re-execution", "placebo"):
        assert states(found)[check] == PASSED, check


def test_a_table_that_is_not_the_cells_is_found(small, tmp_path):
    path = tmp_path / "s"
    shutil.copytree(small.path, path)
    from dataclasses import replace

    from feedtwin.lab.study import read_result
    from feedtwin.lab.study.tables import write_result

    result = read_result(path)
    first = replace(result.readings[0], value=99.0)
    write_result(replace(result, readings=(first, *result.readings[1:])))
    words = next(one.words for one in audit(path, worlds=False).findings if one.check == "table")
    assert "99.0 in the table" in words


def test_what_is_neither_run_nor_study_is_refused(tmp_path):
    with pytest.raises(RunFolderError, match="neither a run folder"):
        audit(tmp_path)


def test_numbers_that_json_lacks_become_null():
    assert (
        as_json({"a": float("inf"), "b": (1, 2)}) == b'{\n "a": null,\n "b": [\n  1,\n  2\n ]\n}\n'
    )


def untreated(name, value, n=3, users=10_000, steps=200, sets=()):
    settings = resolve("paper", users=users, seed=5, sets=sets)
    return [
        Audited(
            settings,
            RunData({"skips": round(value * 10**6) + k, "impressions": 10**6}, {}, {}, 0, steps),
        )
        for k in range(n)
    ]


def levels_of(runs):
    stated = [one for one in stated_by("paper") if one.rate == "skip_rate"]
    (found,) = rates._levels("paper", stated, runs)
    return found


def test_levels_that_a_world_states_are_held_to():
    assert {one.rate for one in stated_by("paper")} <= set(RATES)
    assert {name for name in RATES if name not in METRICS} == {
        "impressions_per_user_day", "sessions_per_user_day",
    }  # fmt: skip
    found = levels_of(untreated("skip_rate", 0.36))
    assert found.state == PASSED and "target 0.363 within 5%" in found.words
    found = levels_of(untreated("skip_rate", 0.42))
    assert found.state == FAILED and found.check == "level: skip_rate"
    assert "0.42 [0.42, 0.42] in 3 untreated runs" in found.words


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"n": 1}, "one run has no interval"),
        ({"users": 300, "steps": 24}, "stated from 10,000 people and 200 hours on, these have 300 and 24"),
        ({"sets": ["policies.recommendation=random"]}, "no whole run here leaves it so"),
    ],
)  # fmt: skip
def test_levels_are_not_judged_where_they_are_not_stated(how, words):
    found = levels_of(untreated("skip_rate", 0.42, **how))
    assert found.state == SKIPPED and words in found.words


def test_rates_without_a_target_are_named(run_path):
    words = next(
        one.words for one in audit(run_path).findings if one.check == "rates without a target"
    )
    assert "watch_s" in words and "skip_rate" not in words and "sessions_per_user_day" not in words


def test_a_world_that_misses_a_parameter_that_is_a_mean_fails(monkeypatch):
    few = {"skips": 40, "impressions": 100, "sessions": 10}
    monkeypatch.setattr(rates, "totals_of", lambda settings, steps, kernels: few)
    found = {one.check: one for one in check_rates(resolve("synthetic", users=60), ())}
    assert {one.state for name, one in found.items() if name.startswith("rate: ")} == {FAILED}
    assert "0.4, target 0.49" in found["rate: interaction.skip_target"].words
