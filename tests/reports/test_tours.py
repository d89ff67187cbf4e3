"""The notebooks of docs/tours run from top to bottom, and what is stored in them is what they show."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOURS = sorted((ROOT / "docs" / "tours").glob("*.ipynb"))


@pytest.mark.parametrize("path", TOURS, ids=lambda path: path.stem)
def test_a_tour_runs_from_top_to_bottom(path):
    pytest.importorskip("nbclient")
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "tours.py"), "--check", path.stem],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.startswith(path.name)


@pytest.mark.parametrize("path", TOURS, ids=lambda path: path.stem)
def test_a_stored_tour_shows_figures_without_errors_or_places_of_a_machine(path):
    text = path.read_text("utf-8")
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert all(cell["execution_count"] for cell in cells)
    assert not [one for one in outputs if one["output_type"] == "error"]
    assert sum("image/svg+xml" in one.get("data", {}) for one in outputs) >= 2
    assert not re.search(r"\"[^\"]*(?<![.\w/:])/(?:\w+/){2,}", text), "an absolute path"


def test_both_tours_are_there():
    assert [path.stem for path in TOURS] == ["data-scientist", "social-scientist"]
