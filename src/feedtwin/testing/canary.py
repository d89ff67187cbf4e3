"""A key that must not leak, and the search for it in whatever a run writes."""

import base64
from pathlib import Path
from urllib.parse import quote

from feedtwin.record.reader import Run

CANARY = "sk-canary+4711/abcDEF=tail"
_PIECE = 12


def traces(text: str, key: str = CANARY) -> list[str]:
    """Return pieces of a key, plain or encoded, that a text holds."""
    raw = key.encode()
    forms = [key, quote(key, safe=""), raw.hex(), key.swapcase(), key[::-1]]
    forms += [base64.b64encode(b"\0" * pad + raw).decode()[4:-4] for pad in range(3)]
    found = []
    for form in forms:
        pieces = {form[k : k + _PIECE] for k in range(max(len(form) - _PIECE + 1, 1))}
        found += [piece for piece in pieces if piece.lower() in text.lower()]
    return found


def leaks(folder: Path, key: str = CANARY) -> list[str]:
    """Return where below a folder a key is found: in the bytes of files, and in the text of tables of runs."""
    found = []
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        if traces(path.read_bytes().decode("latin-1"), key):
            found.append(str(path))
    for journal in sorted(folder.rglob("journal")):
        run = Run.open(journal.parent)
        for name in (*run.table_names, *run.event_names):  # Parquet is compressed
            if traces(str(run.table(name).to_pylist()), key):
                found.append(f"{run.path}: table {name}")
    return found
