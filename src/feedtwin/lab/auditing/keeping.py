"""An audit kept beside what it looked at, so that a report can show it; of another state it does not count."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

from feedtwin.errors import IntegrityError
from feedtwin.lab.auditing.finding import Audit, Finding
from feedtwin.lab.study.tables import STUDY_FILE, as_json
from feedtwin.record.durable import replace_bytes
from feedtwin.record.reader import Run

AUDIT_FILE: Final = "audit.json"


def keep_audit(found: Audit) -> Path:
    """Write an audit into the folder that it is about, with the state that it saw."""
    folder = Path(found.path)
    value = {**asdict(found), "path": "", "of": state_of(folder)}
    replace_bytes(folder / AUDIT_FILE, as_json(value))
    return folder / AUDIT_FILE


def kept_audit(folder: Path) -> Audit | None:
    """Return the audit that was kept in a folder; None where there is none, or the folder has changed since.

    Raises:
        IntegrityError: The file is no audit.
    """
    try:
        value = json.loads((folder / AUDIT_FILE).read_text("utf-8"))
        if value["of"] != state_of(folder):
            return None
        findings = tuple(Finding(**one) for one in value["findings"])
        return Audit(str(folder), value["kind"], findings, value["calibration"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(
            f"{folder / AUDIT_FILE}: is no audit: {error}; remove it, or run feedtwin audit {folder} --keep"
        ) from None


def state_of(folder: Path) -> str:
    """Return what identifies the present content of a run's or a study's folder."""
    if (folder / STUDY_FILE).exists():
        about = json.loads((folder / STUDY_FILE).read_text("utf-8"))["provenance"]
        return f"{about['plan_hash']} {about['code_hash']} {about['replicates']}"
    run = Run.open(folder)
    return run.commits[run.last_step]
