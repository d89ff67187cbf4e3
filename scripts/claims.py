"""Writes docs/studies/<study>.md from stored results of the paper's studies, and stores results there.

    python scripts/claims.py                    writes every page from the results in docs/studies/results
    python scripts/claims.py --store FOLDER     keeps the tables of a finished study (not its cells), then writes its page
    python scripts/claims.py --check            says whether the pages are what the stored results give; writes nothing

A stored result names the commit that it was made with (HEAD unless told), and the hash of the simulation sources that the
study recorded.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from feedtwin.lab.claims import as_markdown, read_sheet, unrun_markdown, write_claims
from feedtwin.lab.claims.sheet import sheets
from feedtwin.lab.study import read_result
from feedtwin.lab.study.cells import simulation_hash
from feedtwin.lab.study.tables import STUDY_FILE, TABLES

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs" / "studies"
RESULTS = DOCS / "results"
KEPT = (
    STUDY_FILE, *(f"{name}.parquet" for name in TABLES),
    "effects.csv", "levels.csv", "claims.csv", "claims.json", "layout.csv", "layout.json",
)  # fmt: skip
MADE = "made.json"


def main(arguments: Sequence[str]) -> int:
    """Store, write or check."""
    parser = argparse.ArgumentParser(description="Claims pages of the paper's studies.")
    parser.add_argument("--store", type=Path, metavar="FOLDER")
    parser.add_argument("--commit", help="commit that it was made with, if not HEAD")
    parser.add_argument(
        "--took", default="", help="a sentence on how long it took, without its full stop"
    )
    parser.add_argument("--check", action="store_true")
    told = parser.parse_args(arguments)
    if told.store is not None:
        store(told.store, told.commit or git("rev-parse", "HEAD"), told.took)
    stale = []
    for name in sheets():
        path, text = DOCS / f"{name}.md", page(name)
        if told.check:
            stale += [] if path.exists() and path.read_text("utf-8") == text else [path.name]
        else:
            path.write_text(text, "utf-8")
            if name in stored():
                keep_claims(name)
            print(f"wrote {path.relative_to(ROOT)}")
    for name in stale:
        print(
            f"docs/studies/{name}: not what its stored result gives; run scripts/claims.py",
            file=sys.stderr,
        )
    return int(bool(stale))


def store(folder: Path, commit: str, took: str) -> None:
    """Keep the tables of a finished study, and what made them."""
    result = read_result(folder)
    write_claims(result)
    kept = RESULTS / result.provenance.study
    kept.mkdir(parents=True, exist_ok=True)
    for name in KEPT:
        shutil.copyfile(folder / name, kept / name)
    about = {
        "commit": commit,
        "simulation_sha256": result.provenance.code_hash,
        "is_of_this_tree": result.provenance.code_hash == simulation_hash(),
        "took": took,
    }
    (kept / MADE).write_text(json.dumps(about, indent=1) + "\n", "utf-8")


def keep_claims(name: str) -> None:
    """Write the claims of a stored result anew: the sheet may have changed."""
    write_claims(read_result(RESULTS / name))
    (RESULTS / name / "claims.md").unlink()


def stored() -> list[str]:
    """Return the names of the studies with a stored result."""
    return [name for name in sheets() if (RESULTS / name / MADE).exists()]


def page(name: str) -> str:
    """Return the page of a stored result; without one, what the paper's own numbers say."""
    if name not in stored():
        head = "Written by `scripts/claims.py`: do not edit. To run the study:"
        return "\n".join(
            [
                f"# {name}",
                "",
                f"{head} `feedtwin study {name}`.",
                "",
                unrun_markdown(read_sheet(name)),
            ]
        )
    result = read_result(RESULTS / name)
    made = json.loads((RESULTS / name / MADE).read_text("utf-8"))
    took = f" {made['took']}." if made["took"] else ""
    return "\n".join(
        [
            f"# {name}",
            "",
            "Written by `scripts/claims.py` from the tables in "
            f"[results/{name}](results/{name}): do not edit. Made with commit `{made['commit'][:12]}` (simulation "
            f"sources `{made['simulation_sha256'][:12]}`).{took} To run it again: `feedtwin study {name}`.",
            "",
            as_markdown(read_sheet(name), result),
        ]
    )


def git(*words: str) -> str:
    """Return what git answers."""
    return subprocess.run(
        ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
