"""Parts of a run: totals, events and tables of some steps, for effects over time and estimands of a part."""

import pytest

import feedtwin
from feedtwin.errors import SettingsError
from feedtwin.lab.figures import Basis, effects_over_time
from feedtwin.lab.study.cells import cell_of
from feedtwin.record.reader import Run
from feedtwin.world.options import RunOptions
from feedtwin.world.running import resume, start

SMALL = """\
world: synthetic
users: 60
seed: 3
horizon: 8
warmup: 4
arms:
  base: {}
  random: {policies: {recommendation: random}}
replicates: 2
cohorts:
  casual: {of: creators, column: tier, is: casual}
estimands:
  - metric: [view_gini_videos, completion_uncapped, coverage, active_users, retention_d1, watch_s]
  - {metric: view_gini_videos, steps: [2, 6]}
  - {metric: coverage, cohort: casual}
over_time: 4
"""
BY_ITEM = ("impressions", "skips", "watch_ms")


def effects(result, metric, cohort="everyone"):
    return [one for one in result.over_time if (one.metric, one.cohort) == (metric, cohort)]


def test_metrics_of_tables_have_effects_over_time_in_every_cohort(small):
    for metric in (
        "view_gini_videos",
        "completion_uncapped",
        "coverage",
        "active_users",
        "watch_s",
    ):
        found = effects(small, metric)
        assert [(one.first_step, one.last_step) for one in found] == [(0, 4), (4, 8)], metric
        assert all(one.n_effective == 2 for one in found), metric
    assert len(effects(small, "coverage", "casual")) == 2
    names = [one.estimand for one in effects(small, "view_gini_videos")]
    assert names == [f"view_gini_videos | random - base | steps {k}-{k + 4}" for k in (0, 4)]
    assert effects(small, "coverage", "casual") != effects(small, "coverage")


def test_a_metric_without_parts_is_left_out_and_named(small):
    assert not effects(small, "retention_d1")
    (warned,) = [one for one in small.warnings if one.kind == "no effect over time"]
    assert warned.what == "retention_d1" and "first day on the platform" in warned.message


def test_the_first_window_is_a_run_that_ends_there(small, kernels, tmp_path):
    path = small.cell_path("random", 0)
    settings = Run.open(path).frames[0].payload["segments"][-1]["settings"]
    from feedtwin.lab.study.since import since
    from feedtwin.world.forking import branch

    past = small.path / "cells" / _past_key(small, path) / "run"
    from feedtwin.schema.settings import Settings

    branch(past, 4, tmp_path / "short", Settings(**settings), RunOptions(8, "digest"), kernels)
    data = since(feedtwin.read_run(tmp_path / "short"), feedtwin.read_run(past))
    shorter = feedtwin.measure(data)
    from feedtwin.lab.study.measuring import Slices

    run = Run.open(path)
    slices = Slices(run, feedtwin.read_run(path), feedtwin.read_run(past))
    part = feedtwin.measure(slices.between(4, 8))
    for metric in (
        "view_gini_videos",
        "completion_uncapped",
        "coverage",
        "active_users",
        "watch_s",
    ):
        assert part[metric].value == shorter[metric].value is not None, metric


def _past_key(small, path):
    digest = Run.open(path).frames[0].payload["start_digest"]
    for folder in (small.path / "cells").iterdir():
        run = Run.open(folder / "run")
        if run.commits[run.last_step] == digest:
            return folder.name
    raise AssertionError


def test_windows_of_tables_count_what_the_totals_count(small):
    from feedtwin.lab.study.measuring import Slices

    path = small.cell_path("base", 1)
    past = small.path / "cells" / _past_key(small, path) / "run"
    slices = Slices(Run.open(path), feedtwin.read_run(path), feedtwin.read_run(past))
    for first, last in ((4, 8), (6, 10), (8, 12), (4, 12)):
        part = slices.between(first, last)
        for name in BY_ITEM:
            assert int(part.items[name].sum()) == part[name] > 0, (first, last, name)


def test_a_part_of_retention_is_refused_with_the_reason(study_of):
    text = SMALL.replace("metric: view_gini_videos, steps", "metric: retention_d1, steps")
    with pytest.raises(
        SettingsError, match=r"line 14.*retention_d1 follows people from their first"
    ):
        study_of(text)


def test_cells_keep_tables_only_where_a_part_needs_them(study_of):
    assert cell_of(study_of(SMALL), "base", 0).tables_at == (6, 8, 10)
    assert cell_of(study_of(SMALL), "", 0).tables_at == ()
    plain = SMALL.replace("view_gini_videos, completion_uncapped, coverage, active_users, ", "")
    plain = plain.replace("metric: view_gini_videos, steps", "metric: watch_s, steps")
    plain = plain.replace("  - {metric: coverage, cohort: casual}\n", "")
    assert cell_of(study_of(plain), "base", 0).tables_at == ()


def test_a_run_that_was_stopped_keeps_the_same_tables(kernels, tmp_path):
    settings = feedtwin.resolve("synthetic", users=60, seed=2)
    options = RunOptions(6, "digest", tables_at=(2, 4))
    whole = start(settings, tmp_path / "whole", options, kernels)

    def stop(progress):
        if progress.step == 3:
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        start(settings, tmp_path / "cut", options, kernels, stop)
    assert resume(tmp_path / "cut", kernels).digest == whole.digest
    outputs = [Run.open(tmp_path / name).closing["outputs"] for name in ("whole", "cut")]
    kept = [{k: v for k, v in one.items() if k.startswith("tables-at/")} for one in outputs]
    assert kept[0] == kept[1] and len(kept[0]) == 4 and all(kept[0].values())


@pytest.mark.parametrize("at", [0, 6, 9])
def test_tables_after_no_step_of_the_run_are_refused(at):
    with pytest.raises(SettingsError, match=f"tables_at: found {at}"):
        RunOptions(6, tables_at=(at,))


def test_a_last_window_that_is_shorter_is_named_with_its_real_range(ran, tmp_path):
    text = SMALL.replace("over_time: 4", "over_time: 3").replace("replicates: 2", "replicates: 1")
    result = ran(text, tmp_path / "short")
    (said,) = [one for one in result.warnings if one.kind == "short window"]
    assert said.what == "steps 6-8" and "2 of 3 steps" in said.message
    found = effects(result, "watch_s")
    assert [(one.first_step, one.last_step) for one in found] == [(0, 3), (3, 6), (6, 8)]
    assert (
        "hours 6 to 8, has 2 hours instead of 3"
        in effects_over_time(found, Basis("n = 1", "seed 3", "none")).units
    )


def test_windows_of_one_length_need_no_warning(small):
    assert "short window" not in {one.kind for one in small.warnings}
