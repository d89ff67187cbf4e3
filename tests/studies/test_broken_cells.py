"""A cell that cannot be read whole is not finished: a study runs it again and says so, an audit names it."""

import shutil

import pytest

from feedtwin.cli.effects import print_result, result_json
from feedtwin.lab.auditing import FAILED, audit
from feedtwin.lab.study.rehearsal import rehearse

SMALL = """\
world: synthetic
users: 60
seed: 3
horizon: 2
warmup: 1
arms:
  base: {}
  random: {policies: {recommendation: random}}
replicates: 2
estimands:
  - metric: watch_s
"""


def truncated(cell):
    with (cell / "run" / "journal").open("r+b") as file:
        file.truncate(10)


def cut_short(cell):
    journal = cell / "run" / "journal"
    with journal.open("r+b") as file:
        file.truncate(journal.stat().st_size - 10)


def overwritten(cell):
    (cell / "run" / "tables" / "items.parquet").write_bytes(b"nothing")


def registry(cell):
    (cell / "run" / "registry.sqlite").write_bytes(b"nothing" * 100)


def manifest(cell):
    (cell / "run" / "manifest.json").unlink()


def gone(cell):
    shutil.rmtree(cell / "run")


@pytest.fixture
def copied(small, tmp_path):
    """A copy of the study's folder, to be damaged."""
    folder = tmp_path / "study"
    shutil.copytree(small.path, folder)
    return folder


def of_arm(small):
    return small.cell_path("random", 1).parent.name


def of_past(small):
    own = {one.cell for one in small.readings}
    return next(one.name for one in sorted((small.path / "cells").iterdir()) if one.name not in own)


@pytest.mark.parametrize("which", [of_arm, of_past])
@pytest.mark.parametrize("damage", [truncated, cut_short, overwritten, registry, manifest, gone])
def test_a_damaged_cell_is_named_by_an_audit_and_run_again_by_its_study(
    small, copied, ran, study_of, capsys, damage, which
):
    key = which(small)
    damage(copied / "cells" / key)
    found = audit(copied, worlds=False)
    (bad,) = [one for one in found.findings if one.state == FAILED]
    assert bad.check == "hashes" and "`feedtwin study`" in bad.words
    assert key in bad.words or (damage is gone and "shared past" in bad.words)
    assert rehearse(study_of(SMALL), copied).finished == 5
    again = ran(SMALL, copied)
    (said,) = again.run_again
    assert key in said and "run again" in said
    assert again.effects == small.effects
    assert result_json(again)["cells_run_again"] == [said]
    print_result(again)
    assert key in " ".join(capsys.readouterr().out.split())
    assert audit(copied, worlds=False).ok
    assert ran(SMALL, copied).run_again == ()


@pytest.mark.parametrize("text", [None, "[]", '{"request": 3}'])
def test_numbers_of_a_cell_that_are_lost_are_read_again_from_its_run(small, copied, ran, text):
    kept = copied / "cells" / of_arm(small) / "cell.json"
    if text is None:
        kept.unlink()
    else:
        kept.write_text(text, "utf-8")
    again = ran(SMALL, copied)
    assert again.effects == small.effects and again.run_again == ()


def test_cells_that_are_all_gone_are_a_finding(copied):
    shutil.rmtree(copied / "cells")
    found = audit(copied, worlds=False)
    assert not found.ok and "no such folder" in found.findings[0].words
