"""The study random-exposure, as a user calls it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from feedtwin.cli.app import app
from feedtwin.datasets.kuairand import KuaiRand

SMALL = (
    "--set", "calibration.boosting.trees_max=8", "--set", "calibration.boosting.folds=2",
    "--set", "calibration.exposure.resamples=20",
)  # fmt: skip


def call(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_one_command_gives_ratios_with_intervals_and_a_page(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="fits need the extra `calibration`")
    folder = KuaiRand().write_tiny(tmp_path / "data", 0, 200, 80)
    preset, out = tmp_path / "p.yaml", tmp_path / "study"
    assert call("calibrate", folder, "--preset-out", preset, *SMALL).exit_code == 0
    words = ("study", "random-exposure", "--preset", preset, "--data", folder, "--out", out)
    said = call(*words, "--json")
    assert said.exit_code == 0, said.output
    found = json.loads(said.stdout)
    for one in (found, *found["segments"].values(), *found["surfaces"].values()):
        for metric in ("valid_view", "long_view", "finish", "watch_s", "like"):
            ratio = one["ratios"][metric]
            assert ratio["low"] <= ratio["estimate"] <= ratio["high"], metric
    assert json.loads((out / "random-exposure.json").read_text())["ratios"] == found["ratios"]
    page = (out / "report.html").read_text()
    assert "mood" in page and "valid_view" in page and found["state"][:1].upper() in page
    assert (out / "ratios.csv").read_text().count("\n") == 1 + 9 * (
        1 + len(found["segments"]) + len(found["surfaces"])
    )
    said = call(*words)
    assert said.exit_code == 0, said.output
    assert said.output.splitlines()[0] == found["state"]
    assert "assumes   matching" in said.output
    assert call(*words[:-2], "--out", preset).exit_code == 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("random-exposure",), "--preset is missing"),
        (("random-exposure", "--preset", "fitted.yaml"), "--data is missing"),
        (("random-exposure", "--preset", "none.yaml", "--data", "."), "no such file"),
        (("first-look", "--data", "."), "are for the study random-exposure"),
    ],
)
def test_what_is_missing_or_out_of_place_is_said(words: tuple[str, ...], expected: str) -> None:
    said = call("study", *words)
    assert said.exit_code == 2 and expected in said.stderr


def test_it_is_listed_with_the_other_studies() -> None:
    found = json.loads(call("list", "studies", "--json").stdout)
    assert "random-exposure" in [one["study"] for one in found]
