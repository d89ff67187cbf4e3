"""Reports: what they say, that they hold everything, and that they are the same every time."""

import re
from base64 import b64decode
from html import unescape

import pytest

from feedtwin.cli import main
from feedtwin.errors import RunFolderError
from feedtwin.lab.auditing import audit
from feedtwin.lab.auditing.finding import Audit, Finding
from feedtwin.lab.auditing.keeping import AUDIT_FILE, keep_audit, kept_audit
from feedtwin.lab.reporting import limits, write_report
from feedtwin.lab.study.tables import read_result


@pytest.fixture(scope="module")
def run_page(run_folder, tmp_path_factory):
    return write_report(run_folder, tmp_path_factory.mktemp("pages") / "run.html").page.read_text()


@pytest.fixture(scope="module")
def study_page(study_folder, tmp_path_factory):
    return write_report(study_folder, tmp_path_factory.mktemp("pages") / "s.html").page.read_text()


@pytest.fixture(params=["run", "study"])
def page(request):
    return request.getfixturevalue(f"{request.param}_page")


def test_a_report_asks_for_nothing(page):
    assert "<script" not in page and "@import" not in page and "url(http" not in page
    for address in re.findall(r'(?:href|src)="([^"]*)"', page):
        assert address.startswith(("#", "data:text/csv;")), address


def test_a_report_begins_with_what_was_asked_what_came_out_and_what_it_cannot_show(page):
    order = [page.index(text) for text in (
        "Uncalibrated", "What was asked", "What came out", "What it cannot show", "<figure", "Provenance</h2>"
    )]  # fmt: skip
    assert order == sorted(order)


def test_every_figure_has_a_csv_n_seeds_and_calibration(page):
    figures = re.findall(r"<figure.*?</figure>", page, re.S)
    assert len(figures) >= 3
    for figure in figures:
        caption = re.search(r"<figcaption>(.*?)</figcaption>", figure, re.S).group(1)
        assert "n = " in caption and "seed " in caption and "uncalibrated" in caption
        content = re.search(
            r'download="[^"]*\.csv" href="data:text/csv;charset=utf-8;base64,([^"]*)"', figure
        )
        assert b64decode(content.group(1)).count(b"\r\n") > 1
        assert figure.count("<svg") == 2


def test_what_people_wrote_is_text_and_not_markup(study_page):
    assert "What does &lt;b&gt;popularity&lt;/b&gt; &amp; co do?" in study_page


def test_a_study_report_has_every_effect_with_its_interval(study_page, study_folder):
    for one in read_result(study_folder).effects:
        assert one.label in study_page and one.verdict in unescape(study_page)
    assert "What this cannot show" in study_page and "few replicates" in study_page


def test_a_run_report_says_that_it_has_no_interval(run_page):
    assert "This is one run: its numbers have no interval, and" in run_page
    assert "no language model was asked" in run_page


def test_the_same_folder_gives_the_same_report(run_folder, run_page, tmp_path):
    assert write_report(run_folder, tmp_path / "again.html").page.read_text() == run_page


def test_an_audit_is_shown_only_for_the_state_that_it_saw(study_folder):
    finding = Finding("a check", "passed", "all is <well>")
    try:
        keep_audit(Audit(str(study_folder), "study", (finding,), "uncalibrated"))
        assert kept_audit(study_folder).findings == (finding,)
        page = write_report(study_folder).page.read_text()
        assert "Nothing failed." in page and "all is &lt;well&gt;" in page
        changed = (study_folder / AUDIT_FILE).read_text().replace('"of": "', '"of": "another ')
        (study_folder / AUDIT_FILE).write_text(changed)
        assert kept_audit(study_folder) is None
    finally:
        (study_folder / AUDIT_FILE).unlink()
        (study_folder / "report.html").unlink(missing_ok=True)


def test_a_report_changes_nothing_that_an_audit_looks_at(run_folder):
    written = write_report(run_folder)
    assert audit(run_folder, worlds=False).ok
    written.page.unlink()


def test_a_folder_that_is_neither_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(RunFolderError, match=r"neither a run folder .* nor a finished study"):
        write_report(tmp_path)


def test_the_command_writes_the_page_and_the_figures(run_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["feedtwin", "report", str(run_folder), "--out", str(tmp_path / "r.html"),
                                     "--figures", str(tmp_path / "figures"), "--quiet"])  # fmt: skip
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 0 and (tmp_path / "r.html").exists()
    suffixes = {file.suffix for file in (tmp_path / "figures").iterdir()}
    assert suffixes == {".pdf", ".svg", ".csv", ".txt"}
    assert "r.html" in capsys.readouterr().out


STUDY = """\
world: synthetic
users: 40
horizon: 4
arms: {taste: {}, random: {policies: {recommendation: random}}}
base: taste
replicates: 2
estimands:
  - metric: watch_s
  - metric: watch_s
    steps: [0, 2]
"""


def test_a_study_ends_in_a_report(tmp_path, monkeypatch, capsys):
    (tmp_path / "small.yaml").write_text(STUDY)
    words = [
        "study",
        str(tmp_path / "small.yaml"),
        "--out",
        str(tmp_path / "out"),
        "--workers",
        "1",
        "--quiet",
    ]
    monkeypatch.setattr("sys.argv", ["feedtwin", *words])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "watch time, hours 0 to 2" in page  # an effect on a part of the horizon says so
    assert "the runs keep no events" in page
    assert "report.html" in capsys.readouterr().out


def test_what_a_report_says_of_calibration_follows_the_worlds():
    assert "Nothing is calibrated" in limits.of_calibration("uncalibrated: defaults")
    said = limits.of_calibration("fitted to the untreated arm")
    assert "Nothing is calibrated" not in said and "fitted to the untreated arm" in said
