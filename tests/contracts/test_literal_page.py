"""The page of printed and repaired mechanisms can be made again, and the one that is there is complete."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("literal_page", ROOT / "scripts" / "literal.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def headings(text):
    return re.findall(r"^## (.+)$", text, re.MULTILINE)


def test_the_page_is_made_from_runs_and_says_how_each_conflict_is_switched(script, tmp_path):
    script.main(["--quick", "--out", str(tmp_path / "page.md")])
    made = (tmp_path / "page.md").read_text("utf-8")
    there = (ROOT / "docs" / "concepts" / "literal.md").read_text("utf-8")
    assert headings(made) == headings(there)
    rows = re.findall(r"^\| .+ \| (\S+) \| (\S+) \| (\S+) \[", made, re.MULTILINE)
    assert len(rows) >= 20
    for printed, repaired, gap in rows:
        assert float(printed) - float(repaired) == pytest.approx(float(gap), rel=0.05, abs=0.01)
    moved = [gap for *_, gap in rows if float(gap)]
    assert len(moved) > len(rows) / 2


def test_every_setting_of_the_literal_preset_is_on_the_page(script):
    from feedtwin.schema.presets import load_preset

    text = (ROOT / "docs" / "concepts" / "literal.md").read_text("utf-8")
    switched = {setting.partition("=")[0] for one in script.CONFLICTS for setting in one.printed}
    known_elsewhere = {  # no conflict of the specification: readings of the paper that go with it
        "platform.estimate_source", "recommendation.slate_size",
    }  # fmt: skip
    assert set(load_preset("paper_literal").values) - switched - known_elsewhere == set()
    assert "paper_literal" in text
