"""Reports: one self-contained HTML page per run and per study, which opens offline and runs no script."""

from feedtwin.lab.reporting.writing import REPORT_FILE, Written, write_report

__all__ = ["REPORT_FILE", "Written", "write_report"]
