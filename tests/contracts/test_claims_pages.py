"""The pages of the paper's studies are what their stored results give."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_pages_are_what_stored_results_give():
    command = [sys.executable, str(ROOT / "scripts" / "claims.py"), "--check"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
