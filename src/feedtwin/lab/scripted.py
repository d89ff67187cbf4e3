"""What became of a run's script: how many entries were carried out, and which were left out."""

import json
from dataclasses import dataclass

from feedtwin.record.reader import Run


@dataclass(frozen=True)
class Scripted:
    """Entries of a script whose steps a run has executed.

    Attributes:
        entries: How many there were.
        done: How many were carried out.
        left_out: (step, action, entries left out), in order of steps.
        later: Entries whose steps the run has not executed.
    """

    entries: int
    done: int
    left_out: tuple[tuple[int, str, int], ...]
    later: int

    def __str__(self) -> str:
        """Return one sentence."""
        said = f"{self.done} of {self.entries} entries carried out"
        if self.left_out:
            some = ", ".join(
                f"{count} {action} at step {step}" for step, action, count in self.left_out[:6]
            )
            more = len(self.left_out) - 6
            said += f"; left out: {some}" + (f" and {more} more" if more > 0 else "")
        return said + (f"; {self.later} for steps that were not run" if self.later else "")


def scripted(run: Run) -> Scripted | None:
    """Return what became of a run's script, or None where it has none.

    An entry is left out where it could not be done then: a like of a post that is not there, a search of somebody
    who opened no session. Its executor says so by no event.
    """
    script = run.manifest["settings"]["script"]
    if not script:
        return None
    first = int(run.frames[0].payload["start_step"])
    rows = run.table("audit").to_pylist()
    found = [
        (int(row["step"]), row["action"], json.loads(row["detail_json"]))
        for row in rows
        if row["actor"] == "script"
    ]
    return Scripted(
        entries=sum(one["entries"] for *_, one in found),
        done=sum(one["done"] for *_, one in found),
        left_out=tuple(
            (step, action, one["entries"] - one["done"])
            for step, action, one in found
            if one["done"] < one["entries"]
        ),
        later=sum(entry["step"] > max(run.last_step, first - 1) for entry in script),
    )
