"""The built-in study `random-exposure`: it reads a preset and its data, and runs no world."""

import time
from pathlib import Path
from typing import Any

from feedtwin.cli.calibrating import read_encounters, say_source
from feedtwin.cli.progress import is_shown, is_told, working
from feedtwin.cli.terminal import answer, say, table, tell
from feedtwin.errors import SettingsError

RANDOM_EXPOSURE = "random-exposure"
"""The same name as in `lab.study.reading`, which is too heavy for `--help`."""
EXAMPLE = "feedtwin study random-exposure --preset fitted.yaml --data DATA"


def study_exposure(
    preset: Path | None,
    data: Path | None,
    map_file: Path | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Runs the study and prints its ratios; writes JSON, CSV and a page.

    Raises:
        SettingsError: Preset or data are not given.
        DataError: They do not belong together, or the log cannot answer.
    """
    if preset is None or data is None:
        raise SettingsError(
            f"random-exposure: {'--preset' if preset is None else '--data'} is missing; expected the preset and the data that it was "
            f"fitted to: {EXAMPLE}"
        )
    from feedtwin.calibration.exposure.studying import random_exposure
    from feedtwin.calibration.preset import ALL, read_preset
    from feedtwin.lab.reporting.exposure_report import write_exposure_report
    from feedtwin.record.folder import refuse_unwritable

    folder = out or Path("studies") / RANDOM_EXPOSURE
    refuse_unwritable(folder)
    one = read_preset(preset)
    told = is_told(quiet, as_json)
    began = time.perf_counter()
    with working("reading", is_shown(quiet, as_json)):
        log = read_encounters(data, one.about["data"]["adaptor"], map_file, None)
    if not as_json:
        say(one.line(ALL))
        say_source(log.provenance)
    found = random_exposure(one, log, lambda what: tell(f"stage   {what}") if told else None)
    page = write_exposure_report(found, folder)
    if as_json:
        answer({**found, "report": str(page)})
        return
    _print(found)
    say(f"report  {page}; {time.perf_counter() - began:.0f} s")


def _print(found: dict[str, Any]) -> None:
    seen, overlap = found["matching"], found["overlap"]
    say()
    say(
        "random exposure / recommender, mean over people; interval = parameter uncertainty and the band of unseen matching",
        style="bold",
    )
    table(
        ["metric", "recommender", "random", "additive", "visible", "ratio", "interval", "parameter alone", "matching alone"],
        [
            (
                name, f"{row['rate_recommender']:.4g}", f"{row['rate_random']:.4g}", f"{row['additive']:.3f}", f"{row['visible']:.3f}",
                f"{row['estimate']:.3f}", f"[{row['low']:.3f}, {row['high']:.3f}]",
                f"[{row['parameter']['low']:.3f}, {row['parameter']['high']:.3f}]",
                f"[{row['matching']['low']:.3f}, {row['matching']['high']:.3f}]",
            )
            for name, row in found["ratios"].items()
        ],
        keep=("metric", "interval"),
    )  # fmt: skip
    for what in ("segments", "surfaces"):
        if found[what]:
            say()
            names = list(found["ratios"])
            table(
                [what, "people", *names],
                [
                    (
                        name,
                        f"{one['users']:,}",
                        *(f"{one['ratios'][m]['estimate']:.2f}" for m in names),
                    )
                    for name, one in found[what].items()
                ],
            )
    say()
    say(
        f"matching  visible AUC {seen['auc']:.3f}, {seen['nats_visible']:.1f} nats; {seen['nats_estimate']:.1f} in the estimate, 0 to "
        f"{seen['nats_most']:.1f} in the band"
    )
    say(
        f"overlap   {found['impressions']:,} impressions are worth {overlap['effective_impressions']:,.0f} under random exposure; "
        f"{found['pool_seen']:,} of {found['pool']:,} videos were shown at all"
    )
    for name, text in found["assumes"].items():
        say(f"assumes   {name}: {text}")
