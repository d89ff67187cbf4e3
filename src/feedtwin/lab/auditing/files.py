"""Are the files of a run those that it closed with, and is the code the one that made it?"""

from collections.abc import Iterator

from feedtwin.errors import FeedtwinError
from feedtwin.lab.auditing.finding import FAILED, PASSED, SKIPPED, Finding
from feedtwin.record.reader import Run
from feedtwin.world.manifest import code_hash
from feedtwin.world.replay import verify_outputs


def check_files(run: Run) -> Iterator[Finding]:
    """Yield whether every byte is as written, and whether this version made it."""
    try:
        run.verify()
        verify_outputs(run)
    except FeedtwinError as error:
        yield Finding("hashes", FAILED, str(error))
    else:
        closed = "" if run.closing else "; the run is not finished, its tables are not there yet"
        yield Finding(
            "hashes",
            PASSED,
            f"journal, events, tables and registry are as they were written{closed}",
        )
    made = str(run.manifest["code_hash"])
    if made == code_hash():
        yield Finding("code version", PASSED, f"made by the code that audits it ({made[:12]})")
    else:
        yield Finding(
            "code version", SKIPPED,
            f"made by other code ({made[:12]}, now {code_hash()[:12]}): whether it still gives the same run is what "
            "re-execution below says",
        )  # fmt: skip
