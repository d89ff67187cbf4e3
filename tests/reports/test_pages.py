"""What a page makes of a report: words stay whole, rows that belong together do, and every number says what it rests on."""

import re
from dataclasses import replace
from html import unescape

import pytest

from feedtwin.lab.figures import basis_of_study
from feedtwin.lab.reporting import write_report
from feedtwin.lab.reporting.document import Column, Note, plain_table
from feedtwin.lab.reporting.exposure_report import exposure_report
from feedtwin.lab.reporting.page import html_of
from feedtwin.lab.reporting.study_report import report_of_study
from feedtwin.lab.reporting.study_tables import effects_table
from feedtwin.lab.reporting.study_words import asked, contrasts_of, people_of
from feedtwin.lab.reporting.text import gathered, shown, spans
from feedtwin.lab.study import read_study
from feedtwin.lab.study.provenance import provenance
from feedtwin.lab.study.tables import read_result


def test_text_is_escaped_code_is_marked_and_only_long_names_may_break():
    assert shown("a <b> & c") == "a &lt;b&gt; &amp; c"
    assert shown("run `feedtwin replay`") == "run <code>feedtwin replay</code>"
    assert "<wbr>" not in shown("not distinguishable people_who_never_like")
    assert (
        shown("policies.recommendation=popularity")
        == "policies.<wbr>recommendation=<wbr>popularity"
    )
    assert 'class="hash"' in shown(f"SHA-256 {'0f' * 32}.")


def test_rows_of_a_grouped_table_have_their_name_once():
    rows = [("a", "1"), ("a", "2"), ("b", "3")]
    columns = [Column("what"), Column("n")]
    table = plain_table("t", "T", "", columns, rows, "grouped")
    assert [row[0][1] for row in spans(table)] == [2, 0, 1]
    assert table.csv.decode().split() == ["what,n", "a,1", "a,2", "b,3"]
    assert [row[0][1] for row in spans(replace(table, kind=""))] == [1, 1, 1]


def test_notes_that_end_alike_are_said_once():
    ending = "did not move in any pair of runs"
    notes = [Note("dead metric", f"{name} {ending}") for name in ("one", "two")]
    other = Note("few replicates", "only 3")
    found = gathered([*notes, other])
    assert found[0] == Note("dead metric (2)", f"one; two: each {ending}") and found[1] == other
    assert gathered(notes[:1]) == notes[:1]


def test_every_tile_of_a_study_says_contrast_interval_and_n(study_folder):
    report = report_of_study(study_folder)
    assert report.tiles
    for tile in report.tiles:
        said = " ".join(tile.notes)
        assert "popularity \u2212 base" in said or "treatment \u2212 base" in said, said
        assert "95\u202f% interval" in said and re.search(r"n = \d+ pair", said), said
    assert report.basis == str(basis_of_study(read_result(study_folder)))
    page = unescape(html_of(report))
    assert (
        page.index("</dl>") < page.index("uncalibrated", page.index("</dl>")) < page.index("<nav")
    )


def test_a_study_says_how_many_people_and_steps_though_its_file_does_not(study_folder):
    result = read_result(study_folder)
    about = result.provenance
    silent = replace(result, provenance=replace(about, users=None))
    assert people_of(silent) == about.users == 60
    words = " ".join(asked(silent))
    assert "with 60 users" in words and "8 hours (8 steps)" in words
    gone = replace(silent, path=study_folder / "nowhere")
    assert people_of(gone) is None and "users" not in asked(gone)[1]
    known = dict(report_of_study(study_folder).provenance)
    assert known["Users"] == "60" and known["Steps"].startswith("8 of one hour")


def test_a_study_of_a_world_as_it_is_records_its_number_of_users():
    study = read_study("creator-campaigns")
    assert study.users is None
    assert provenance(study, 2, "", 0.0).users == 10_000


@pytest.mark.parametrize("correction", ["holm", "none"])
def test_tables_of_effects_say_what_p_is_corrected_by(study_folder, correction):
    result = read_result(study_folder)
    count = len([one for one in result.effects if one.p is not None])
    assert {one.correction for one in result.effects} == {"holm"} and count > 1
    if correction == "none":
        raw = [replace(one, correction="none", family_size=0) for one in result.effects]
        result = replace(result, effects=raw)
    sizes = {one.family_size for one in result.effects}
    told = f"corrected: holm, over {sizes.pop()} tests" if correction == "holm" else "not corrected"
    (name,) = contrasts_of(result)
    caption = effects_table(result, name, basis_of_study(result)).caption
    assert f"two-sided, {told}" in caption and "; p of claims" in caption and len(sizes) < 2


def ratio(middle):
    return {
        "estimate": middle, "low": middle * 0.8, "high": middle * 1.2, "additive": middle, "visible": middle,
        "parameter": {"low": middle * 0.9, "high": middle * 1.1}, "matching": {"low": middle * 0.95, "high": middle * 1.05},
        "rate_recommender": 0.4, "rate_random": 0.4 * middle, "rate_logged": 0.4,
    }  # fmt: skip


@pytest.fixture
def exposure():
    """What the study of random exposure gives, in its form."""
    names = ("valid_view", "long_view", "watch_s", "like")
    ratios = {name: ratio(0.7 + 0.2 * k) for k, name in enumerate(names)}
    group = {"users": 1234, "impressions": 5678, "ratios": ratios}
    robust = {name: {"ratio": 0.9, "low": 0.8, "high": 1.0} for name in names}
    return {
        **group, "study": "random-exposure", "preset": {"name": "fit.yaml", "sha256": "1e" * 32}, "state": "encounter fitted to a test", "description": "What if?", "exposure": "none at random",
        "segments": {"full_active": group}, "surfaces": {}, "pool": 10, "pool_seen": 9, "constants": {"exposure.resamples": 200},
        "assumes": {"pool": "all videos"},
        "data": {"name": "test", "state": "generated", "licence": "none", "citation": "nobody", "source_hash": "0f" * 32},
        "matching": {
            "nats_estimate": 3.9, "nats_visible": 1.8, "nats_most": 8.4, "auc": 0.8,
            "per_nat": dict.fromkeys(names, -0.05), "per_nat_interval": dict.fromkeys(names, (-0.06, 0.04)),
        },
        "overlap": {"random_pairs_below_exposed": 0.1, "effective_impressions": 100.0, "doubly_robust": robust},
    }  # fmt: skip


def test_every_number_of_random_exposure_says_interval_n_and_calibration(exposure):
    report = exposure_report(exposure)
    for tile in report.tiles:
        said = " ".join(tile.notes)
        assert "random over recommender" in said and "95\u202f% interval" in said
        assert "n = 1,234 people" in said
    captions = [table.caption for section in report.sections for table in section.tables]
    captions += [chart.caption for chart in report.charts]
    assert len(captions) == 4
    for caption in (*captions, report.basis):
        assert "1,234 people" in caption and "encounter fitted to a test" in caption, caption
    page = html_of(report)
    assert "\u22120.050" in page and "-0.050" not in page
    assert report.charts[0].svg_for_page(narrow=True)


def test_a_check_that_does_not_agree_is_said_where_the_result_is(exposure):
    robust = exposure["overlap"]["doubly_robust"]
    for name, row in robust.items():
        visible = exposure["ratios"][name]["visible"]
        row.update(low=visible - 0.1, high=visible + 0.1)
    assert not any("doubly robust" in text for text in exposure_report(exposure).found)
    robust["long_view"].update(low=0.1, high=0.2)
    (said,) = [text for text in exposure_report(exposure).found if "doubly robust" in text]
    assert "does not agree for long view:" in said


def test_a_table_without_rows_says_so(study_folder, tmp_path):
    report = report_of_study(study_folder)
    table = plain_table("none", "None", "A caption.", [Column("a")], [], empty="None of them.")
    section = replace(report.sections[0], charts=(), tables=[table])
    page = html_of(replace(report, sections=[section]))
    assert "None of them." in page and "<thead>" not in page
    assert write_report(study_folder, tmp_path / "r.html").page.exists()
