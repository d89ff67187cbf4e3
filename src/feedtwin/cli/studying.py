"""Commands about studies: run one, and see what it would take."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feedtwin.cli.calibrating import MapFile, folder_of
from feedtwin.cli.effects import print_result, result_json
from feedtwin.cli.exposing import RANDOM_EXPOSURE, study_exposure
from feedtwin.cli.going import AsJson, Quiet
from feedtwin.cli.llm_costs import study_lines
from feedtwin.cli.progress import is_shown, working
from feedtwin.cli.terminal import (
    INTERRUPTED,
    answer,
    console,
    plural,
    reports,
    say,
    shell,
    span,
    tell,
)
from feedtwin.errors import SettingsError
from feedtwin.lab.numbers import significant

if TYPE_CHECKING:
    from feedtwin.lab.study.plan import Study
    from feedtwin.lab.study.rehearsal import Rehearsal
    from feedtwin.lab.study.running import StudyProgress


@reports
def study(
    source: Annotated[
        str,
        typer.Argument(metavar="STUDY", help="Name of a study, or path of a study's .yaml file."),
    ],
    replicates: Annotated[
        int | None, typer.Option(min=1, help="Replicates (or their cap) instead of the file's.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Local processes; one per usable core by default. Same results."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A quick look: fewer replicates, a shorter horizon.")
    ] = False,
    live: Annotated[
        bool,
        typer.Option(
            "--live",
            help="Ask a language model where the study has a stand-in for one (costs money).",
        ),
    ] = False,
    offline: Annotated[
        bool,
        typer.Option(
            "--offline",
            help="Ask no language model: a cell's answers are on disk, or it is refused.",
        ),
    ] = False,
    posterior: Annotated[
        int,
        typer.Option(
            min=0,
            help="Repeat it over so many draws of its fitted preset, so that intervals contain the parameters' uncertainty.",
        ),
    ] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would take, and run nothing.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Study folder; studies/<name> by default. Finished cells are reused."),
    ] = None,
    preset: Annotated[
        Path | None, typer.Option(help="random-exposure: a fitted preset, by name or file.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="random-exposure: the data that the preset was fitted to, or `sample`.",
            callback=folder_of,
        ),
    ] = None,
    map_file: MapFile = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Run a study: arms of one world, paired replicates, effects with intervals.

    Killed at any time, it goes on where it was when it is called again. The built-in study random-exposure runs no world: it
    reads --preset and --data.
    """
    if source == RANDOM_EXPOSURE:
        study_exposure(preset, data, map_file, out, as_json, quiet)
        return
    if preset is not None or data is not None or map_file is not None:
        raise SettingsError(
            f"{source}: --preset, --data and --map are for the study {RANDOM_EXPOSURE}; expected none of them here. Leave them out."
        )
    shown = is_shown(quiet, as_json)
    with working("checking the study", shown):
        from feedtwin.lab.study import read_study, run_study
        from feedtwin.lab.study.running import folder_of, refuse_folder

        found = read_study(
            source, quick=quick, replicates=replicates, live=live, posterior=posterior
        )
    if dry_run:
        _rehearse(found, out, workers, as_json, shown)
        return
    folder = folder_of(found, out)
    refuse_folder(folder, found)
    if not as_json:
        _print_start(found, folder)
    try:
        with progress(shown) as on_progress:
            result = run_study(
                found, folder, workers=workers, on_progress=on_progress, offline=offline
            )
    except KeyboardInterrupt:
        words = ["study", source, *(["--quick"] if quick else []), *(["--live"] if live else [])]
        words += ["--offline"] if offline else []
        words += ["--replicates", str(replicates)] if replicates else []
        words += ["--posterior", str(posterior)] if posterior else []
        words += ["--out", str(out)] if out else []
        tell(f"interrupted; finished cells are kept. To go on: {shell(*words)}")
        raise typer.Exit(INTERRUPTED) from None
    with working("drawing the report", shown):
        from feedtwin.lab.reporting import write_report

        page = write_report(result.path).page
    if as_json:
        answer({**result_json(result), "report": str(page)})
    else:
        print_result(result)
        say(f"report  {page}")


def _print_start(found: "Study", folder: Path) -> None:
    """Say what is about to run; the first line is the state of calibration."""
    from feedtwin.lab.study.provenance import calibration
    from feedtwin.lab.study.settings_check import settings_of

    say(calibration(found))
    quick = ", a quick look" if found.quick else ""
    about = f": {found.description}" if found.description else ""
    say(f"study   {found.name}{quick}{about}")
    users = settings_of(found, None, 0).users
    people = "" if users is None else f", {plural(users, 'user')}"
    say(f"world   {found.world}{people}, seed {found.seed}")
    for arm in found.arms.values():
        about = f": {arm.description}" if arm.description else ""
        say(f"arm     {arm.name}{about}")
    _print_notes(found)
    past = f"{span(found.warmup)} that all arms share, then " if found.warmup else ""
    plan = found.replication
    each = plan.most // (found.posterior or 1)
    many = f"{each} replicates" if plan.precision is None else f"at most {each} replicates"
    if found.posterior:
        many += f" in each of {found.posterior} posterior draws of {found.preset}"
    say(f"run     {past}{span(found.horizon)}; {many}, paired; into {folder}")


def _print_notes(found: "Study") -> None:
    """Say what a fraction confounds, which arms are one, and that one pair has no interval."""
    from feedtwin.lab.study.cells import alike, words_of_alike

    for line in (*found.aliases, *map(words_of_alike, alike(found))):
        say(f"note    {line}")
    if found.replication.most == 1:
        say(
            "note    1 replicate: one pair gives an estimate, and no interval and no p; expected 2 or more, and 8 or more for claims"
        )


def _rehearse(
    found: "Study", out: Path | None, workers: int | None, as_json: bool, shown: bool
) -> None:
    from feedtwin.lab.study.rehearsal import rehearse

    with working("trying a few steps", shown):
        needs = rehearse(found, out, workers=workers)
    if as_json:
        answer({"study": found.name, **vars(needs), "language": needs.language.as_json()})
    else:
        _print_rehearsal(found, needs)


def _print_rehearsal(found: "Study", needs: "Rehearsal") -> None:
    left = needs.cells + needs.pasts - needs.finished
    say(f"study   {found.name}: {plural(needs.estimands, 'estimand')}, {plural(needs.arms, 'arm')}")
    _print_notes(found)
    up_to = "at most " if found.replication.precision else ""
    say(
        f"cells   {up_to}{needs.cells} runs of {span(needs.steps)}, {plural(needs.pasts, 'shared past')}; "
        f"{needs.finished} finished, {left} to run; log {needs.log}"
    )
    say(f"people  {plural(needs.users, 'account')}")
    waits = ", without waiting for language models" if needs.language.arms else ""
    say(
        f"time    about {clock(needs.seconds)} on {plural(needs.workers, 'worker')}, from a pilot of the base{waits}"
    )
    say(f"disk    about {significant(needs.bytes / 1e6)} MB")
    if needs.language.arms:
        for line in study_lines(needs.language):
            say(f"spend   {line}")
    else:
        say("spend   at most 0.00 USD on language models: no cell to run may ask one")
    say("nothing was run")


def clock(seconds: float) -> str:
    """Return `40 s`, `3:05` or `1:02:03`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02} min"


@contextmanager
def progress(shown: bool) -> "Iterator[Callable[[StudyProgress], None]]":
    """Yield a callback that draws a bar of cells with the time left, on standard error."""
    if not shown:
        yield lambda progress: None
        return
    from rich.progress import BarColumn, Progress, TextColumn

    with ExitStack() as stack:
        bars = stack.enter_context(
            Progress(
                TextColumn("cells"),
                BarColumn(bar_width=None),
                TextColumn("{task.completed:.0f}/{task.total:.0f}"),
                TextColumn("{task.fields[left]}"),
                console=console(stderr=True),
                transient=True,
                expand=True,
            )
        )
        task = bars.add_task("cells", total=1, left="")

        def draw(now: "StudyProgress") -> None:
            left = "" if now.left_s is None else f"{clock(now.left_s)} left"
            reused = f"{now.reused} reused  " if now.reused else ""
            bars.update(task, completed=now.done, total=now.total, left=f"{reused}{left}")

        yield draw
