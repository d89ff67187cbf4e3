"""Going on with a cell on which money was spent before it was cut short: its journal knows every call."""

from pathlib import Path
from time import sleep
from typing import Final

from feedtwin.errors import RunFolderError
from feedtwin.kernels.binding import Kernels
from feedtwin.record.journal import read_journal
from feedtwin.world.running import resume

_PATIENCE: Final = 10
_PAUSE_S: Final = 0.5
"""A worker whose parent was killed ends within a second or two; until then the run is its own."""


def go_on(attempt: Path, answers: Path, kernels: Kernels) -> None:
    """Run what is left of a cell that was begun; calls that were under way count as spent.

    Args:
        attempt: Its run folder.
        answers: Folder of its language models' answers.
        kernels: The kernels to use.

    Raises:
        FeedtwinError: It cannot be gone on with, or another process still runs it.
        KeyboardInterrupt: It was interrupted again; what was done stays.
    """
    for patience in range(_PATIENCE, -1, -1):
        if read_journal(attempt / "journal", strict=False)[-1].kind == "closed":
            return
        try:
            finished = resume(attempt, kernels, cache=answers)
        except RunFolderError as error:
            is_held = isinstance(error.__cause__, BlockingIOError)
            if not is_held or not patience:
                raise
            sleep(_PAUSE_S)
            continue
        if finished.interrupted:
            raise KeyboardInterrupt
        return
