"""A fitted preset as settings see it: a draw of its ecosystem lies over the world file, and under what is set."""

from pathlib import Path

import pytest

from feedtwin.errors import SettingsError
from feedtwin.schema.presets import file_of, fitted_names, preset_names
from feedtwin.schema.settings import assign, resolve
from feedtwin.world.manifest import calibration_of
from feedtwin.world.segments import check_change

ECOSYSTEM = """
ecosystem:
  names: [user.stamina_s, recommendation.temperature]
  point: {user.stamina_s: 1000.0}
  draws:
  - [1100.0, 0.5]
  - [1200.0, 0.25]
"""


def written(folder: Path, more: str = ECOSYSTEM, adaptor: str = "kuairand") -> str:
    path = folder / "fit.yaml"
    path.write_text(
        "calibration: {state: 'encounter and ecosystem fitted to x'}\narrays: {file: a, sha256: b}\n"
        + f"data: {{adaptor: {adaptor}}}\n{more}",
        "utf-8",
    )
    return str(path)


def test_draw_0_applies_the_point_and_draw_k_its_row(tmp_path: Path) -> None:
    preset = written(tmp_path)
    values = [
        resolve("kuairand-sample", preset=preset, sets=[f"calibration.draw={k}"]).parameters
        for k in (0, 1, 2)
    ]
    assert [one["user.stamina_s"] for one in values] == [1000.0, 1100.0, 1200.0]
    assert [one["recommendation.temperature"] for one in values[1:]] == [0.5, 0.25]
    assert all(one["interaction.form"] == "fitted" for one in values)


def test_arms_and_sets_win_over_a_draw_and_may_choose_it(tmp_path: Path) -> None:
    preset = written(tmp_path)
    arm = {"parameters": {"calibration.draw": 1, "recommendation.temperature": 0.75}}
    found = resolve("kuairand-sample", preset=preset, arm=arm, sets=["user.stamina_s=5"]).parameters
    assert found["user.stamina_s"] == 5 and found["recommendation.temperature"] == 0.75
    assert resolve("kuairand-sample", preset=preset, arm=arm).parameters["user.stamina_s"] == 1100.0


@pytest.mark.parametrize(
    ("more", "draw", "words"),
    [
        (ECOSYSTEM, 3, "holds 2 draws"),
        ("ecosystem: {names: [user.stamina_s], draws: [[1.0, 2.0]]}\n", 1, "expected 1 numbers"),
        ("ecosystem: {names: [user.stamin_s], draws: [[1.0]]}\n", 1, "user.stamin_s"),
        ("ecosystem: [1]\n", 0, "expected a mapping"),
    ],
)
def test_a_draw_that_is_not_there_or_not_whole_is_refused(
    tmp_path: Path, more, draw, words
) -> None:
    with pytest.raises(SettingsError, match=words):
        resolve(
            "kuairand-sample", preset=written(tmp_path, more), sets=[f"calibration.draw={draw}"]
        )


def test_a_preset_of_another_layout_is_refused_before_a_world_is_built(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="fitted through the adaptor 'table'"):
        resolve("kuairand-sample", preset=written(tmp_path, adaptor="table"))


def test_a_set_of_parameters_acts_by_its_file_as_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(file_of("paper_text").read_bytes())
    by_name, by_file = (resolve("synthetic", preset=one) for one in ("paper_text", str(path)))
    assert by_file.parameters == by_name.parameters and by_file.preset == str(path)
    path.write_text("promotion.initial_audienc: 5\n", "utf-8")
    with pytest.raises(SettingsError, match=r"mine\.yaml:? ?.*promotion\.initial_audience"):
        resolve("synthetic", preset=str(path))


def test_a_fitted_preset_that_does_not_say_to_what_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("arrays: {file: a, sha256: b}\n", "utf-8")
    with pytest.raises(SettingsError, match="does not say what it is fitted to"):
        resolve("kuairand-sample", preset=str(path))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("kuairnd", "did you mean 'kuairand'.*there is: kuairand, paper_appendix"),
        ("none.yaml", "no such file.*kuairand, paper_appendix"),
    ],
)
def test_what_is_neither_a_name_nor_a_file_is_told_the_names(asked: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        file_of(asked)


def test_every_name_is_a_preset_and_one_is_fitted() -> None:
    assert {"kuairand", "paper_text"} <= set(preset_names())
    assert fitted_names() == ["kuairand"]
    assert all(file_of(name).is_file() for name in preset_names())


def test_a_running_world_keeps_its_draw(tmp_path: Path) -> None:
    before = resolve("kuairand-sample", preset=written(tmp_path))
    with pytest.raises(SettingsError, match=r"calibration\.draw acts only when a world is built"):
        check_change(before, assign(before, ["calibration.draw=1"]))


def test_the_state_names_preset_data_hash_and_draw_and_says_when_nothing_of_it_acts(
    tmp_path: Path,
) -> None:
    settings = resolve("kuairand-sample", preset=written(tmp_path), sets=["calibration.draw=2"])
    state = calibration_of(settings)
    assert state.startswith(
        "calibrated: encounter and ecosystem fitted to x; preset fit.yaml (SHA-256 "
    )
    assert state.endswith("draw 2")
    off = calibration_of(assign(settings, ["interaction.form=repaired"]))
    assert off.startswith("uncalibrated: preset fit.yaml") and "interaction.form=repaired" in off
    assert calibration_of(resolve("kuairand-sample")).startswith(
        "uncalibrated: parameters are set by hand"
    )


def test_a_world_matched_to_printed_numbers_says_so_while_they_stand() -> None:
    said = "matched to the paper's printed aggregates (5 levels), not fitted to any log"
    settings = resolve("paper")
    assert calibration_of(settings) == f"{said}; world paper"
    assert calibration_of(assign(settings, ["policies.recommendation=random"])).startswith(said)
    changed = calibration_of(assign(settings, ["user.stamina_s=900"]))
    assert changed.startswith("uncalibrated: ") and "user.stamina_s is set otherwise" in changed


def test_a_world_of_ones_own_cannot_claim_to_be_matched(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("calibration: {state: true to life}\n", "utf-8")
    with pytest.raises(SettingsError, match="line 1: only worlds of the package"):
        resolve(str(path))
