"""Executes the notebooks of docs/tours and stores what they show.

python scripts/tours.py                  executes them all and writes their outputs
python scripts/tours.py --check [NAME]   executes them all, or one, and writes nothing
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "tours"
TIMEOUT_S = 300


def executed(path: Path) -> nbformat.NotebookNode:
    """Execute a notebook from its first cell, in a process of its own; an exception in a cell ends it."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(notebook, timeout=TIMEOUT_S, kernel_name="python3", record_timing=False)
    found: nbformat.NotebookNode = client.execute(cwd=str(path.parent))
    found.metadata.pop("language_info", None)
    return found


def main() -> None:
    """Execute every tour."""
    check = "--check" in sys.argv[1:]
    names = [word for word in sys.argv[1:] if word != "--check"] or ["*"]
    for path in sorted(path for name in names for path in FOLDER.glob(f"{name}.ipynb")):
        found = executed(path)
        shown = sum(bool(cell.get("outputs")) for cell in found.cells)
        print(f"{path.name}: {len(found.cells)} cells, {shown} with outputs")
        if not check:
            nbformat.write(found, path)


if __name__ == "__main__":
    main()
