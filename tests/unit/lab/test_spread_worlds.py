"""Worlds that are fitted to series: what is observed, the preset that a fit leaves, how it acts, and what is refused."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import feedtwin
from feedtwin.calibration.ecosystem.fitting import Observation, Point, fit_ecosystem
from feedtwin.calibration.ecosystem.plan import Plan
from feedtwin.calibration.ecosystem.table import TableFile
from feedtwin.calibration.spread.plan import spread_constants, spread_plan
from feedtwin.calibration.spread.preset import write_spread
from feedtwin.cli.app import app
from feedtwin.datasets.series import CASCADES, HASHTAGS, TRENDS, About
from feedtwin.errors import DataError, SettingsError
from feedtwin.kernels.binding import load
from feedtwin.lab.fitting.simulating import Job, simulator
from feedtwin.lab.fitting.spread import (
    SpreadSetting,
    fit_spread,
    read_series,
    simulate_spread,
    spread_settings,
)
from feedtwin.lab.series.twin import (
    hashtag_views,
    observed_cascades,
    observed_growth,
    observed_hashtags,
    share_cascades,
    video_growth,
)
from feedtwin.lab.study.executors import InProcess, LocalProcesses
from feedtwin.lab.study.posterior import over_posterior, unidentified
from feedtwin.lab.study.reading import parse_study
from feedtwin.lab.study.settings_check import settings_of
from feedtwin.schema.settings import resolve
from feedtwin.schema.yaml_reader import read_document
from feedtwin.world.manifest import calibration_of
from feedtwin.world.observing import observe_spreading

ABOUT = About("made-up", "generated sample", "none", "nobody", "0", ())
QUICK = {
    "calibration.spread.people": 120,
    "calibration.spread.warmup_days": 0,
    "calibration.spread.window_days": 4,
    "calibration.spread.budget": 24,
    "calibration.ecosystem.candidates": 256,
    "calibration.ecosystem.implausible": 10.0,
    "calibration.ecosystem.implausible_rank": 3,
}


def call(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, done.output


def section(identified: bool = True) -> dict:
    uploads = [[1.2, 0.24, rate, 0.0] for rate in (0.1, 0.2, 0.3)]
    return {
        "names": ["user.share_logit_mean", "user.uploads_per_day"],
        "point": {"user.share_logit_mean": -3.5, "user.uploads_per_day": uploads[0]},
        "draws": [[-3.4, uploads[1]], [-3.6, uploads[2]]],
        "fixed": {"trends.track": "always"},
        "parameters": {"user.share_logit_mean": {"identified": identified}},
        "design": {"people": 800},
    }  # fmt: skip


@pytest.fixture
def preset(tmp_path: Path) -> Path:
    path = tmp_path / "spread.yaml"
    write_spread(
        path, section(), "made-up (generated sample)", "1 of 2 parameters identified", [ABOUT], {}
    )
    return path


def test_what_is_observed_is_what_a_runs_log_says(tmp_path: Path) -> None:
    place = tmp_path / "run"
    sets = ["user.share_logit_mean=-2.0", "user.uploads_per_day=[9,6,3,0]"]
    feedtwin.run("synthetic", users=80, steps=50, seed=3, sets=sets, out=place)
    seen = observe_spreading(resolve("synthetic", users=80, seed=3, sets=sets), 50, load("auto", 1))
    pairs = (
        (hashtag_views(place), observed_hashtags(seen, ABOUT)),
        (share_cascades(place, 12.0), observed_cascades(seen, 50, 12.0, ABOUT)),
        (video_growth(place, 12.0), observed_growth(seen, 50, 12.0, ABOUT)),
    )
    assert len(pairs[0][0].names) > 20 and len(pairs[1][0].cascade) > 20
    for logged, observed in pairs:
        for name in type(logged).__slots__:
            if name != "about":
                assert np.array_equal(getattr(logged, name), getattr(observed, name)), name


def test_a_point_gives_the_same_patterns_again_and_another_seed_others() -> None:
    short = {**QUICK, "calibration.spread.people": 60, "calibration.spread.window_days": 2}
    setting = SpreadSetting(spread_constants(short))
    point = Point({"population.videos_per_user": 2.0, "trends.track": "always"}, 5)
    one = simulate_spread(Job(4, point, setting))
    assert one[0] == 4 and str(one) == str(simulate_spread(Job(4, point, setting)))
    assert str(one) != str(simulate_spread(Job(4, replace(point, seed=6), setting)))
    assert spread_settings(setting, point).parameters["trends.track"] == "always"


def test_a_world_acts_by_its_preset_and_says_so_first(preset: Path) -> None:
    point = resolve("synthetic", preset=str(preset))
    drawn = resolve("synthetic", preset=str(preset), sets=["calibration.draw=2"])
    assert point.parameters["user.share_logit_mean"] == -3.5
    assert drawn.parameters["user.share_logit_mean"] == -3.6
    assert drawn.parameters["user.uploads_per_day"] == [1.2, 0.24, 0.3, 0.0]
    assert point.parameters["trends.track"] == "always"
    assert point.parameters["interaction.form"] == "repaired"
    own = resolve("synthetic", preset=str(preset), sets=["user.share_logit_mean=-4.0"])
    assert own.parameters["user.share_logit_mean"] == -4.0, "what is set lies over what is fitted"
    line = calibration_of(drawn)
    assert line.startswith("partly calibrated: spread fitted to made-up (generated sample): 1 of 2")
    assert (
        "in worlds of 800 people; encounter and ecosystem uncalibrated" in line
        and line.endswith("draw 2")
    )
    other = calibration_of(resolve("paper", preset=str(preset)))
    assert other.startswith("partly calibrated in the world synthetic: ")
    with pytest.raises(SettingsError, match="holds 2 draws of its spread"):
        resolve("synthetic", preset=str(preset), sets=["calibration.draw=3"])
    with pytest.raises(SettingsError, match="expected a synthetic world"):
        resolve("kuairand-sample", preset=str(preset))


def test_a_run_of_a_draw_starts(preset: Path, tmp_path: Path) -> None:
    code, text = call(
        "run", "synthetic", "--users", 30, "--steps", 2, "--preset", preset,
        "--set", "calibration.draw=1", "--out", tmp_path / "run",
    )  # fmt: skip
    assert code == 0, text
    assert text.startswith("partly calibrated: spread fitted to made-up")


def test_a_study_goes_over_its_draws_and_names_what_is_not_identified(preset: Path) -> None:
    text = (
        "world: synthetic\nusers: 30\nhorizon: 2\narms: {base: {}, one: {policies: {recommendation: random}}}\n"
        "replicates: 2\nestimands: [{metric: watch_s, no_harm: 1.0}]\n"
    )
    document = read_document(text, "made-up.yaml")
    plain = parse_study(document, "made-up")
    study = over_posterior(replace(plain, preset=str(preset)), 2, document)
    draws = [settings_of(study, None, r).parameters["user.share_logit_mean"] for r in range(4)]
    assert draws == [-3.4, -3.6, -3.4, -3.6]
    assert unidentified(study) == []
    write_spread(preset, section(identified=False), "made-up", "0 of 2", [ABOUT], {})
    assert unidentified(study) == ["user.share_logit_mean"]


def test_what_a_fit_reads_is_refused_with_the_reason(preset: Path, tmp_path: Path) -> None:
    hashtags = HASHTAGS.write_tiny(tmp_path / "h")
    cascades = CASCADES.write_tiny(tmp_path / "c")
    lists, empty = TRENDS.write_tiny(tmp_path / "t"), HASHTAGS.write_tiny(tmp_path / "e", count=1)
    other = tmp_path / "other.yaml"
    other.write_text("calibration: {}\narrays: {}\n", "utf-8")
    cases: list[tuple[Sequence[object], str]] = [
        (["--levels", "encounter,spread", "--series", hashtags], "does not go with other levels"),
        (["--levels", "spread"], "no series are given"),
        (["sample", "--levels", "spread"], "reads series and no log"),
        (["sample", "--series", hashtags], "is read by --levels spread only"),
        ([], "no log is given"),
        (["--levels", "spread", "--series", hashtags, "--series", hashtags], "a second folder"),
        (["--levels", "spread", "--series", lists], "is of no kind"),
        (["--levels", "speed"], "or spread"),
        (["--levels", "spread", "--series", empty], "fewer than two hashtags, trees or videos"),
        (["--levels", "spread", "--series", empty], "calibration.ecosystem.*, and hold here too"),
    ]
    for words, said in cases:
        code, text = call("calibrate", *words, "--preset-out", tmp_path / "new.yaml")
        assert code != 0 and said in " ".join(text.split()), text
    words = ("--levels", "spread", "--series", cascades, "--preset-out", other)
    code, text = call("calibrate", *words)
    assert code != 0 and "holds another level" in text, text
    code, text = call("validate", preset, "--data", "sample")
    assert code != 0 and "no fitted encounter" in text, text


PAIR = ("population.videos_per_user", "user.share_logit_mean")
TOLD = ("growth", "peak_over_mean", "likeness_of_days", "within_a_day")


def small_plan() -> Plan:
    """Two parameters, and patterns that worlds of a few days have."""
    plan = spread_plan()
    return replace(
        plan, free=tuple(one for one in plan.free if one.path in PAIR),
        patterns=tuple(
            replace(one, role="fitted", tolerance=0.02) for one in plan.patterns if one.name in TOLD
        ),
    )  # fmt: skip


@pytest.mark.slow
def test_a_killed_fit_goes_on_and_one_worker_gives_what_two_do(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="fits need the extra `calibration`")
    whole, abouts = read_series([HASHTAGS.write_tiny(tmp_path / "h", count=40)])
    plan = small_plan().without(["within_a_day"])
    worlds = {**QUICK, "calibration.spread.held_out": 0.05}
    done: list[int] = []

    class Killed(InProcess):
        def run(self, function, jobs):
            for result in super().run(function, jobs):
                done.append(1)
                yield result
                if len(done) == 8:
                    raise KeyboardInterrupt

    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    with pytest.raises(KeyboardInterrupt):
        fit_spread(one, whole, abouts, worlds, Killed(), plan=plan)
    told: list[tuple[int, int, int, int]] = []
    first = fit_spread(
        one, whole, abouts, worlds, InProcess(), lambda *now: told.append(now), plan=plan
    )
    assert told[0] == (1, 8, 12, 8)
    second = fit_spread(two, whole, abouts, worlds, LocalProcesses(2), plan=plan)
    second["design"]["table"] = first["design"]["table"]
    assert first == second
    about = read_document(one.read_text("utf-8"), "one").values
    told = about["calibration"]["levels"]["spread"]
    assert "0 of 2 parameters identified (" in told and told.endswith(
        "of the 100 trials that tell)"
    )
    assert about["data"][0]["name"] == "hashtag-views"
    assert resolve("synthetic", preset=str(one)).parameters["trends.track"] == "always"


@pytest.mark.slow
def test_a_planted_supply_is_recovered_and_what_no_pattern_knows_is_not_identified(
    tmp_path: Path,
) -> None:
    pytest.importorskip("sklearn", reason="fits need the extra `calibration`")
    plan = small_plan().without(["within_a_day"])
    idle = next(one for one in spread_plan().free if one.path == "platform.share_window_steps")
    plan = replace(plan, free=(plan.free[0], idle))
    small = {
        "calibration.spread.people": 100,
        "calibration.spread.window_days": 3,
        "calibration.spread.budget": 36,
    }
    constants = {
        **spread_constants({**QUICK, **small}),
        "trials_min": 10,  # what is tested here is one truth, not recovery: fewer worlds will do than can be set
    }
    setting = SpreadSetting(constants)
    names = [one.name for one in plan.patterns]
    file = TableFile(tmp_path / "worlds.jsonl", "the same worlds", names)
    for seed, truth in enumerate((0.4, 1.5)):
        point = Point({**plan.fixed, PAIR[0]: truth}, 1000 + seed)
        _, played = simulate_spread(Job(0, point, setting))
        observed = {name: Observation(played[name], 0.01) for name in TOLD if name in played}
        work = simulator(setting, InProcess(), simulate_spread)
        fitted = fit_ecosystem(plan, observed, work, file, constants)
        assert fitted.identified.tolist() == [True, False]
        low, high = (plan.values(fitted.posterior.quantile(q)[None])[0, 0] for q in (0.025, 0.975))
        assert low <= truth <= high, (low, truth, high)


def test_no_other_preset_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "paper.yaml"
    path.write_text("user: {share_logit_mean: -4.0}\n", "utf-8")
    whole, abouts = read_series([HASHTAGS.write_tiny(tmp_path / "h")])
    with pytest.raises(DataError, match="holds no preset that"):
        fit_spread(path, whole, abouts, QUICK, InProcess())
    assert path.read_text("utf-8").startswith("user:")
