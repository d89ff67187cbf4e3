"""The whole way on a tiny generated log: worlds are simulated, the preset gets its section, a second call reuses the worlds."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from feedtwin.calibration.ecosystem.fitting import Point
from feedtwin.calibration.ecosystem.plan import Plan, ecosystem_constants, read_plan
from feedtwin.calibration.preset import read_about, read_preset
from feedtwin.cli.app import app
from feedtwin.datasets.kuairand import KuaiRand
from feedtwin.errors import DataError
from feedtwin.kernels.binding import load
from feedtwin.lab.fitting.ecosystem import LogSide, _key, fit_preset
from feedtwin.lab.fitting.simulating import Job, Setting, do, world_settings
from feedtwin.lab.study.executors import InProcess
from feedtwin.world.build import build
from feedtwin.world.observing import observe

TINY = {
    "calibration.boosting.trees_max": 8,
    "calibration.ecosystem.budget": 24,
    "calibration.ecosystem.people": 60,
    "calibration.ecosystem.warmup_days": 0,
    "calibration.ecosystem.resamples": 5,
    "calibration.ecosystem.volume": 200,
    "calibration.ecosystem.candidates": 256,
    "calibration.ecosystem.implausible_rank": 4,
    "calibration.ecosystem.implausible": 10.0,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return KuaiRand().write_tiny(tmp_path_factory.mktemp("data"), 0, 150, 60)


def setting(folder: Path) -> Setting:
    constants = ecosystem_constants(TINY)
    return Setting(folder, 60, 2, 3.0, constants)


def test_worlds_of_other_priors_are_not_taken_for_these() -> None:
    """A row of the table is named by its place in the prior: under another range the same place is another world."""
    plan, constants = read_plan(), ecosystem_constants(TINY)
    side = LogSide({}, {}, Setting(Path("data"), 60, 2, 3.0, constants), (1, 1))
    log = SimpleNamespace(provenance=SimpleNamespace(source_hash="0"))

    def key(changed: Plan) -> str:
        return _key(changed, side, log, constants, "encounter")

    one, *others = plan.free
    assert key(plan) == key(plan.without(["likes"])), "patterns are named in each row"
    for other in (
        replace(one, low=one.low / 2), replace(one, high=one.high * 2), replace(one, scale="linear")
    ):  # fmt: skip
        assert other != one and key(replace(plan, free=(other, *others))) != key(plan)
    assert key(replace(plan, fixed={"trends.track": "always"})) != key(plan)


def test_what_was_observed_is_what_happened(folder: Path) -> None:
    settings = world_settings(setting(folder), Point({"user.sessions_per_day": 3.0}, 5))
    assert settings.parameters["user.sessions_per_day"] == 3.0 and settings.seed == 5
    kernels = load("auto", 1)
    world = build(settings, kernels)
    videos, counted = len(world.content.table), []

    def take(published) -> None:
        if published.batch.event == "OUTCOMES":
            counted.append(published.batch)

    world.recorder = take
    for _ in range(24):
        world.step()
    shown = observe(settings, 24, kernels)
    reached = sum(int(one.reached_count.sum()) for one in counted)
    assert len(shown.user) <= reached and len(set(shown.key.tolist())) == len(shown.key)
    assert shown.row.max() < videos, "what was uploaded during the run is in no log"
    late = observe(settings, 24, kernels, from_step=12)
    assert len(late.user) == int((shown.step >= 12).sum())


def test_a_point_gives_the_same_patterns_again_and_another_seed_others(folder: Path) -> None:
    one = do(Job(4, Point({}, 5), setting(folder)))
    assert one[0] == 4 and str(one) == str(do(Job(4, Point({}, 5), setting(folder))))
    assert one[1] != do(Job(4, Point({}, 6), setting(folder)))[1]


@pytest.mark.parametrize(("power", "order"), [(0.0, "equal"), (2.0, "wider")])
def test_the_spread_of_activity_keeps_its_mean(folder: Path, power: float, order: str) -> None:
    def activity(spread: float):
        point = Point({"population.activity_spread": spread}, 5)
        world = build(world_settings(Setting(folder, 150, 2, 3.0, {}), point), load("auto", 1))
        found = world.users.table.activity
        return found[found > 0]

    plain, changed = activity(1.0), activity(power)
    assert float(changed.mean()) == pytest.approx(float(plain.mean()), rel=0.02)
    if order == "equal":
        assert float(changed.std()) < 1e-6
    else:
        assert float(changed.std()) > 1.3 * float(plain.std())


@pytest.mark.slow
def test_from_a_log_to_a_preset_with_its_ecosystem(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="fits need the extra `calibration`")
    log, preset = KuaiRand().read_encounters(folder), tmp_path / "p.yaml"
    sets = [word for one in TINY.items() for word in ("--set", "=".join(map(str, one)))]
    words = [
        "calibrate",
        folder,
        "--preset-out",
        preset,
        "--levels",
        "encounter,ecosystem",
        "--workers",
        1,
        *sets,
    ]
    said = CliRunner().invoke(app, [str(word) for word in words])
    assert said.exit_code == 0, said.output
    assert "gini_of_videos" in said.output and "simulated worlds in the data's place" in said.output
    assert not preset.with_name("p.yaml.work").exists()
    told: list[tuple[int, int, int, int]] = []

    def fit() -> dict:
        return fit_preset(preset, folder, log, TINY, InProcess(), lambda *now: told.append(now))

    section = fit()
    assert all(reused == of for _, _, of, reused in told), "no world is simulated twice"
    about = read_about(preset)
    assert about["ecosystem"] == section
    assert "parameters identified (" in about["calibration"]["state"]
    assert "of the 100 trials that tell)" in about["calibration"]["levels"]["ecosystem"]
    assert not any(one["identified"] for one in section["parameters"].values())
    assert "uncalibrated" not in about["calibration"]["state"]
    assert section["names"] == list(section["point"]) == list(section["parameters"])
    assert len(section["draws"]) == 50
    for draw in section["draws"]:
        for value, one in zip(draw, section["parameters"].values(), strict=True):
            assert one["prior_low"] <= value <= one["prior_high"]
    assert "return_next_week" in section["design"]["patterns_the_log_is_too_small_for"]
    assert "return_next_week" not in section["patterns"]
    assert read_preset(preset).models, "the encounter is still there"
    other = KuaiRand().write_tiny(tmp_path / "other", 1, 150, 60)
    with pytest.raises(DataError, match="other files"):
        fit_preset(preset, other, KuaiRand().read_encounters(other), TINY, InProcess())
