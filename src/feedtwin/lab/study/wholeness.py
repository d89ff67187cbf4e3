"""Whether a cell that was run is still there as it was written; one that is not is run again."""

import sqlite3
from pathlib import Path

from feedtwin.errors import FeedtwinError
from feedtwin.lab.study.measuring import stored_path
from feedtwin.record.reader import Run
from feedtwin.world.replay import verify_outputs


def why_unreadable(path: Path) -> str:
    """Return why the finished run of a cell cannot be read whole: which file and what is wrong with it; "" where it can.

    Args:
        path: Its run folder.
    """
    try:
        run = Run.open(path)
        run.verify()
        verify_outputs(run)
    except FeedtwinError as error:
        return str(error)
    except (OSError, sqlite3.DatabaseError) as error:
        return f"{path}: cannot be read: {error}; expected the files that the run closed with"
    return run.unfinished


def why_not_whole(folder: Path) -> str:
    """Return why a cell that was run is not what was written, or ""; a cell that was never finished is none of these.

    Args:
        folder: The cell's folder, which need not exist.
    """
    path = folder / "run"
    if not path.exists():
        gone = stored_path(folder).exists()
        return f"{path}: is gone, though its numbers are kept" if gone else ""
    return why_unreadable(path)
