"""A preset judged with a simulator that only counts: rows are kept, failures come first, nothing is typed in."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from feedtwin.calibration.ecosystem.patterns import MEASURES
from feedtwin.calibration.preset import calibration_constants
from feedtwin.datasets.hashing import normals
from feedtwin.datasets.kuairand import KuaiRand
from feedtwin.errors import SettingsError
from feedtwin.lab.reporting.protocol import card, trace
from feedtwin.lab.reporting.validation_report import write_validation
from feedtwin.lab.validating.simulating import Job, do_patterns
from feedtwin.lab.validating.validating import (
    ROWS_SUFFIX,
    Asked,
    about_preset,
    planned,
    validate_worlds,
    whole,
)
from feedtwin.schema.events import TWINS
from feedtwin.world.catalogue import policy_rows

OUTCOMES = ("watch_s", "skip_share", "like_share", "watch_s_per_person_day")
QUICK = {"calibration.ecosystem.resamples": 5, "calibration.ecosystem.volume": 200}


class Fake:
    """Gives numbers that depend on the job alone; stops after some."""

    workers = 1

    def __init__(self, stop: int = 10**9) -> None:
        self.stop, self.jobs = stop, []

    def run(self, function: Callable[..., Any], jobs: Sequence[Job]) -> Iterator[tuple[int, dict]]:
        for job in jobs:
            if len(self.jobs) >= self.stop:
                raise KeyboardInterrupt
            self.jobs.append(job)
            noise = float(normals([job.seed], "fake")[0])
            if function is do_patterns:
                yield job.place, dict.fromkeys(MEASURES, 0.3 + 0.1 * noise)
            else:
                row = dict.fromkeys(OUTCOMES, 1.0 + 0.1 * noise)
                yield job.place, row | {f"base_{name}": 5.0 for name in OUTCOMES}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return KuaiRand().write_tiny(tmp_path_factory.mktemp("data"), 0, 150, 60)


@pytest.fixture
def preset(tmp_path: Path, data: Path) -> Path:
    constants = calibration_constants()
    about = {
        "format": 2, "arrays": {"file": "none", "sha256": ""}, "constants": constants, "heads": {},
        "calibration": {"state": "encounter fitted to a test; ecosystem uncalibrated", "levels": {"encounter": "fitted"}, "exposure": "none at random"},
        "data": {
            "adaptor": "kuairand", "name": "tiny", "state": "generated", "licence": "none", "citation": "nobody", "source_hash": "0", "rows": 1,
            "users": 1, "videos": 1, "days": 2, "first_day": "2022-01-01", "recorded": ["like"], "notes": ["a <b>note</b>"],
        },
    }  # fmt: skip
    path = tmp_path / "p.yaml"
    path.write_text(json.dumps(about), "utf-8")
    return path


def judged(preset: Path, data: Path, fake: Fake, **more: Any) -> dict[str, Any]:
    asked = Asked(quick=True, parameters=QUICK, **more)
    log = KuaiRand().read_encounters(data)
    worlds = validate_worlds(preset, data, log, fake, asked)
    verdict = {"promise": "no worse than guessing", "holds": 1, "of": 2}
    encounter = {"verdicts": [verdict], "scores": [], "curves": [], "distances": []}
    return whole(about_preset(preset, asked), encounter, worlds)


def test_an_interrupted_report_goes_on_and_simulates_nothing_twice(
    preset: Path, data: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        judged(preset, data, Fake(stop=30))
    rest, again = Fake(), Fake()
    found = judged(preset, data, rest)
    assert judged(preset, data, again) == found and not again.jobs
    kept = preset.with_name(preset.name + ROWS_SUFFIX).read_text("utf-8").splitlines()
    assert len(kept) == 30 + len(rest.jobs)
    worlds = sum(len(job.arms) for job in rest.jobs)
    assert found["runs"] > worlds, "it says how many worlds there are in all"


def test_worlds_of_one_draw_differ_in_their_structure_only(preset: Path, data: Path) -> None:
    fake = Fake()
    found = judged(preset, data, fake)
    pairs = [job for job in fake.jobs if len(job.arms) == 2]
    assert all(job.arms[1]["policies"]["recommendation"] == "popularity" for job in pairs)
    first = [job for job in fake.jobs if job.arms[0]["parameters"].get("calibration.draw") == 1]
    assert len(first) > 5 and len({job.seed for job in first}) == 1
    screened = [job for job in pairs if "user.stamina_s" in job.arms[0]["parameters"]]
    assert len({job.seed for job in screened}) > len(screened) / 2, "points do not share chance"
    assert found["runs"] == sum(len(job.arms) for job in fake.jobs)


def test_a_budget_is_kept_to(preset: Path, data: Path) -> None:
    fake = Fake()
    found = judged(preset, data, fake, budget=110)
    assert found["runs"] == sum(len(job.arms) for job in fake.jobs) <= 110


def test_a_report_says_what_failed_first_and_names_what_the_twin_consists_of(
    preset: Path, data: Path, tmp_path: Path
) -> None:
    results = judged(preset, data, Fake())
    inside = [row["twin"]["inside"] for row in results["patterns"]]
    assert inside == sorted(inside) and not all(inside) and any(inside)
    results["patterns"] = [
        results["patterns"][0],
        results["patterns"][-1],
    ]  # a page is drawn slowly
    page = write_validation(results, tmp_path / "out").read_text("utf-8")
    body = page[page.index("<header>") :]
    words = re.sub(r"<[^>]+>", " ", body)
    state = "Partly calibrated: encounter fitted to a test; ecosystem uncalibrated"
    assert words.index(state) < words.index("What was asked")
    failed, passed = (row["name"] for row in results["patterns"])
    assert words.index(failed) < words.index(passed)
    look = "A quick look: 4 worlds of the twin instead of 20, 3 worlds of each null instead of 10, 150 people per world instead of 1,000."
    assert words.index(look) < words.index("Claims ledger")
    assert words.count(look) >= 4, "it stands where the numbers stand"
    assert not any(one["state"] == "shown" for one in results["claims"])
    assert "it was not." not in words, "a validation report does not say that nothing was validated"
    assert body.index("Patterns outside their bands") < body.index("Patterns inside their bands")
    assert "<b>note</b>" not in page, "what data say is text and not markup"
    for row in policy_rows():
        assert f"{row['name']} (" in words, f"ODD does not name the policy {row['name']}"
    for twin in TWINS:
        assert f"Twin {twin}:" in words
    for part in (
        "Purpose and patterns",
        "Submodels",
        "Problem formulation",
        "Model output corroboration",
    ):
        assert part in words
    names = {path.name for path in (tmp_path / "out").iterdir()}
    figures = set(re.findall(r'<figure id="figure-([^"]+)"', page))
    assert len(figures) >= len(results["patterns"]) + len(OUTCOMES)
    assert {f"{name}.csv" for name in figures} <= names and "report.json" in names
    told = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert told["claims"] == results["claims"]


def test_a_report_without_worlds_says_so(preset: Path, tmp_path: Path) -> None:
    verdicts = [
        {"promise": "as good as boosting", "holds": 3, "of": 4},
        {"promise": "on the diagonal", "holds": 0, "of": 0},
        {"promise": "near enough", "holds": 2, "of": 2},
    ]
    encounter = {"verdicts": verdicts, "scores": [], "curves": [], "distances": []}
    results = whole(about_preset(preset, Asked()), encounter, {"no_worlds": "of a <test>"})
    page = write_validation(results, tmp_path / "out").read_text("utf-8")
    came_out = "2 of 3 promises about the encounter do not hold in every part: as good as boosting (3 of 4); on the diagonal (0 of 0)."
    assert came_out in page
    assert "No worlds were run: of a &lt;test&gt;" in page and "were asked" not in page
    assert "no ecosystem was fitted" in page and "instead of" not in page


def test_what_cannot_be_met_is_refused_before_anything_is_read() -> None:
    _, worlds, sizes = planned(Asked(quick=True))
    assert (sizes.draws, len(worlds.nulls)) == (4, 3)
    with pytest.raises(SettingsError, match="the smallest report needs"):
        planned(Asked(budget=60))
    with pytest.raises(SettingsError, match="power of two"):
        planned(Asked(parameters={"calibration.report.sobol_points": 12}))


@pytest.mark.parametrize(("trials", "known"), [(151, True), (13, False)])
def test_thirteen_worlds_identify_nothing_whatever_the_preset_says(
    preset: Path, trials: int, known: bool
) -> None:
    """A preset that an earlier version wrote called 13 trials a pass."""
    about = json.loads(preset.read_text("utf-8"))
    one = {
        "identified": True,
        "low": 1,
        "high": 2,
        "prior_low": 0,
        "prior_high": 9,
        "contraction": 0.8,
    }
    about["ecosystem"] = {
        "parameters": {"user.stamina_s": one},
        "recovery": {
            "trials": trials,
            "passes": True,
            "tested": ["user.stamina_s"],
            "nominal": 0.9,
            "widened_by": 1.0,
            "parameters": {"user.stamina_s": {"coverage": 0.9, "p": 0.5}},
        },
    }
    preset.write_text(json.dumps(about), "utf-8")
    encounter = {"verdicts": [], "scores": [], "curves": [], "distances": []}
    results = whole(about_preset(preset, Asked()), encounter, {"no_worlds": "of a test"})
    (claim,) = (row for row in results["claims"] if row["claim"] == "The data know user.stamina_s")
    assert claim["state"] == ("shown" if known else "not shown")
    said = dict(card(results))["Not identified by the data"]
    corroborated = " ".join(text for _, text in trace(results))
    few = "has too few trials to tell (13 of 100)"
    assert said == ("nothing that was fitted" if known else f"user.stamina_s (recovery {few})")
    assert f"Recovery {'passes' if known else few}." in corroborated
