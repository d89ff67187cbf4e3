"""The preset that ships: by name as by file, whole, small, and true about the sample."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from feedtwin.calibration.ecosystem.verdict import (
    PASSES,
    known_in_words,
    parameters_of,
    verdict_of,
)
from feedtwin.calibration.packing import SUFFIX
from feedtwin.calibration.preset import read_about, read_preset
from feedtwin.calibration.shipped import BY_HAND, preset_rows
from feedtwin.datasets import sample_path
from feedtwin.datasets.kuairand import KuaiRand
from feedtwin.errors import SettingsError
from feedtwin.lab.auditing.responses import doses_for
from feedtwin.lab.study.posterior import over_posterior
from feedtwin.lab.study.provenance import calibration
from feedtwin.lab.study.reading import parse_study
from feedtwin.schema.presets import file_of, read_fitted
from feedtwin.schema.settings import resolve
from feedtwin.schema.yaml_reader import read_document
from feedtwin.world.manifest import calibration_of
from feedtwin.world.replay import replay
from feedtwin.world.running import RunOptions, start

NAME = "kuairand"
STUDY = """\
world: kuairand-sample
preset: kuairand
users: 60
horizon: 6
arms:
  base: {}
  random: {policies: {recommendation: random}}
replicates: 2
estimands: [{metric: watch_s}]
"""


@pytest.fixture(scope="module")
def by_file(tmp_path_factory) -> str:
    folder, source = tmp_path_factory.mktemp("preset"), file_of(NAME)
    for file in (source, source.with_name(source.name + SUFFIX)):
        shutil.copyfile(file, folder / file.name)
    return str(folder / source.name)


def test_a_run_by_name_is_the_run_by_file(by_file: str, kernels, tmp_path: Path) -> None:
    digests = []
    for k, preset in enumerate((NAME, by_file)):
        settings = resolve("kuairand-sample", users=60, seed=3, preset=preset)
        finished = start(settings, tmp_path / str(k), RunOptions(3, "full"), kernels)
        digests.append(finished.digest)
    assert digests[0] == digests[1]
    assert replay(tmp_path / "0", kernels).steps == 3
    plain = resolve("kuairand-sample", users=60, seed=3)
    assert start(plain, tmp_path / "plain", RunOptions(3, "full"), kernels).digest not in digests


def test_a_world_on_the_sample_says_that_its_preset_is_fitted_to_more() -> None:
    state = calibration_of(resolve("kuairand-sample", preset=NAME))
    assert "137607 impressions" in state and "reads the shipped sample of these data" in state
    assert "preset kuairand (SHA-256 " in state and state.endswith("draw 0")
    elsewhere = calibration_of(resolve("kuairand", preset=NAME, sets=["data.path=somewhere"]))
    assert "shipped sample" not in elsewhere


def test_it_knows_the_sample_that_ships_and_everybody_in_it() -> None:
    log, preset = KuaiRand().read_encounters(sample_path()), read_preset(NAME)
    assert preset.about["data"]["sample_hash"] == log.provenance.source_hash
    head = preset.models["all"].heads["skip"]
    assert np.isin(log.users.key, head.user_key).all()
    assert np.isin(log.videos.key, head.video_key).all()


def test_it_is_whole_small_and_licensed_as_its_data() -> None:
    about, file = read_about(NAME), file_of(NAME)
    assert set(about["models"]) == {"all", "split"} and len(about["ecosystem"]["draws"]) >= 20
    assert file.with_name(file.name + SUFFIX).stat().st_size < 6_000_000
    note = file.with_name(f"{NAME}.LICENSE.txt").read_text("utf-8")
    assert about["data"]["licence"] in note and about["data"]["citation"] in note


def test_every_value_of_every_preset_has_a_source() -> None:
    rows = preset_rows()
    assert all(row["state"] and row["unit"] and len(row["source"]) >= 20 for row in rows)
    fitted = [row for row in rows if row["preset"] == NAME]
    assert {row["path"]: row["value"] for row in fitted} == read_fitted(NAME).overlay(0)
    assert fitted[0]["state"].startswith("encounter fitted to kuairand")
    assert {row["state"] for row in rows if row["preset"] == "paper_text"} == {BY_HAND}
    (encounter,) = (row["source"] for row in fitted if row["path"] == "interaction.form")
    assert "137607 rows" in encounter and "fitted on 20" in encounter and "unknown" not in encounter
    unknown = [row["path"] for row in fitted if "not identified" in row["source"]]
    assert unknown, "parameters that the data do not identify say so"


def test_what_it_calls_identified_has_trials_enough() -> None:
    section = read_about(file_of(NAME))["ecosystem"]
    assert verdict_of(section["recovery"]) == PASSES
    assert read_fitted(NAME).state.endswith(known_in_words(section))
    assert known_in_words(section) == "4 of 9 parameters identified"
    tested = [name for name, one in parameters_of(section).items() if one["identified"]]
    assert section["recovery"]["tested"] == tested


def test_a_study_over_its_draws_says_which() -> None:
    document = read_document(STUDY, "made-up.yaml")
    study = parse_study(document, "made-up")
    assert calibration(study).endswith("draw 0")
    assert calibration(over_posterior(study, 3, document)).endswith("draws 1 to 3")
    with pytest.raises(SettingsError, match="needs a fitted preset"):
        over_posterior(replace(study, preset=None), 3, document)


def test_an_audit_asks_no_dose_of_what_a_fitted_encounter_does_not_read() -> None:
    fitted = resolve("kuairand-sample", users=60, preset=NAME)
    assert {dose.parameter for dose in doses_for(fitted)} == {"user.sessions_per_day"}
    assert len(doses_for(resolve("kuairand-sample", users=60))) == 3
