"""Commands that execute a world into a folder: run, resume, fork."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from feedtwin.cli.progress import bar, is_shown, working
from feedtwin.cli.terminal import INTERRUPTED, answer, plural, reports, say, shell, span, tell

if TYPE_CHECKING:
    from feedtwin.kernels.binding import Kernels
    from feedtwin.lab.launch import Prepared
    from feedtwin.world.running import Finished

DEFAULT_WORLD = "kuairand-sample"
DEFAULT_STEPS = 168
DEFAULT_SEED = 7
DEFAULT_SNAPSHOT_EVERY = 24
"""The same numbers as in `lab.launch` and `schema.settings`, which are too heavy for `--help`."""

_SHOWN_NOTES = ("generated", "First ", "jittered copies")
"""Notes on the population that a reader needs at once; the manifest has all of them."""

Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Set a parameter or policy; repeatable."),
]
Threads = Annotated[
    int | None,
    typer.Option(min=1, help="Threads of the kernels; all usable cores by default. Same results."),
]
KernelName = Annotated[
    str, typer.Option(help="auto, numpy, baseline, avx2 or avx512. Same results.")
]
LogLevel = Annotated[
    str, typer.Option(metavar="full|digest", help="Keep every event, or none. Same results.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]
Cache = Annotated[
    Path | None,
    typer.Option(
        "--llm-cache",
        help="Answers of language models on disk; llm-cache beside the run by default.",
    ),
]
KeptCache = Annotated[
    Path | None,
    typer.Option(
        "--llm-cache",
        help="Answers of language models on disk; those of the run by default.",
    ),
]
Offline = Annotated[
    bool,
    typer.Option("--offline", help="Ask no language model: journal, cache and stand-ins answer."),
]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]


@reports
def run(
    world: Annotated[
        str,
        typer.Argument(metavar="[WORLD]", help="Name of a world, or path of a world's .yaml file."),
    ] = DEFAULT_WORLD,
    users: Annotated[
        int | None, typer.Option(help="Number of users; as many as the world has by default.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Hours to run.")] = DEFAULT_STEPS,
    seed: Annotated[int, typer.Option(help="Root seed.")] = DEFAULT_SEED,
    replicate: Annotated[int, typer.Option(help="Replicate; arms share its chance.")] = 0,
    sets: Sets = None,
    preset: Annotated[
        str | None, typer.Option(help="Named set of parameters, or a preset file of `calibrate`.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder, which must not exist; runs/... by default.")
    ] = None,
    threads: Threads = None,
    log: LogLevel = "full",
    kernel: KernelName = "auto",
    snapshot_every: Annotated[
        int, typer.Option(min=1, help="Steps between snapshots.")
    ] = DEFAULT_SNAPSHOT_EVERY,
    llm: Annotated[
        str | None,
        typer.Option(
            metavar="surrogate|cached|live",
            help="Let language models write personas, captions, plans and forecasts.",
        ),
    ] = None,
    llm_cache: Cache = None,
    offline: Offline = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Run a world into a new folder and print what happened."""
    shown = is_shown(quiet, as_json)
    with working("building the world", shown):
        from feedtwin.lab.launch import prepare

        prepared = prepare(
            world, users=users, steps=steps, seed=seed, replicate=replicate, sets=sets or (),
            preset=preset, out=out, threads=threads, kernel=kernel, log=log,
            snapshot_every=snapshot_every, llm=llm, cache=llm_cache, offline=offline,
        )  # fmt: skip
    if not as_json:
        _print_start(prepared)
    try:
        with resumable(prepared.path), bar("running", shown) as on_progress:
            finished = prepared.go(on_progress)
    except KeyboardInterrupt:
        _stopped_at_once(prepared.path)
    _finish(finished, as_json, setup_s=prepared.setup_s, kernel=prepared.kernels.describe())


@reports
def resume(
    path: RunPath,
    threads: Threads = None,
    kernel: KernelName = "auto",
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PATH=VALUE",
            help="Reach the model server otherwise from now on: llm.base_url and the like; repeatable.",
        ),
    ] = None,
    llm_cache: KeptCache = None,
    offline: Offline = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Go on with a run that was interrupted or killed."""
    shown = is_shown(quiet, as_json)
    with working("reading the run", shown):
        kernels = load_kernels(kernel, threads)
        from feedtwin.world.running import resume as go_on
    try:
        before = _nothing if as_json else partial(_print_calibration, path)
        with resumable(path), bar("running", shown, before=before) as on_progress:
            finished = go_on(
                path, kernels, on_progress, cache=llm_cache, offline=offline, sets=sets or ()
            )
    except KeyboardInterrupt:
        _stopped_at_once(path)
    _finish(finished, as_json, kernel=kernels.describe())


@reports
def fork(
    path: RunPath,
    at: Annotated[int, typer.Option(min=0, help="Steps of the parent that are kept.")],
    sets: Sets = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Horizon of the fork; the parent's by default.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder of the fork; RUN-f<at> by default.")
    ] = None,
    log: LogLevel = "full",
    threads: Threads = None,
    kernel: KernelName = "auto",
    llm_cache: KeptCache = None,
    offline: Offline = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Continue a run under other settings from a step on.

    The same past, another future: state and chance up to --at are the parent's.
    """
    shown = is_shown(quiet, as_json)
    with working("returning to the step", shown):
        kernels = load_kernels(kernel, threads)
        from feedtwin.lab.launch import numbered
        from feedtwin.record.folder import refuse_existing, refuse_unwritable, require_run
        from feedtwin.world.forking import fork as split

        require_run(path)
        named = path if path.name not in ("", "..") else path.resolve()
        target = numbered(named.with_name(f"{named.name}-f{at}")) if out is None else out
        refuse_existing(target)
        refuse_unwritable(target)

    def start() -> None:
        _print_calibration(path, sets or ())
        say(f"fork    {path} after {span(at)}, into {target}")
        for change in sets or ():
            say(f"set     {change}")

    before = _nothing if as_json else start
    try:
        with resumable(target), bar("running", shown, before=before) as on_progress:
            finished = split(
                path, at, target, sets or (), steps, log, kernels, on_progress, cache=llm_cache,
                offline=offline,
            )  # fmt: skip
    except KeyboardInterrupt:
        _stopped_at_once(target)
    _finish(finished, as_json, parent=path, at=at, kernel=kernels.describe())


@contextmanager
def resumable(path: Path) -> Iterator[None]:
    """Run into a folder: where a policy ends that, say how to go on, if there is something to go on from."""
    from feedtwin.errors import BoundaryError, PolicyError

    try:
        yield
    except (BoundaryError, PolicyError) as error:
        from feedtwin.record.reader import Run

        if not (path / "journal").is_file() or not Run.open(path).commits:
            raise
        after = Run.open(path).last_step
        raise type(error)(
            f"{error}\nonce it is mended, go on after step {after}: {shell('resume', path)}"
        ) from error


def load_kernels(kernel: str, threads: int | None) -> "Kernels":
    """Return the kernels of `--kernel` on `--threads`, or on all usable cores."""
    from feedtwin.kernels.binding import load
    from feedtwin.lab.machine import usable_cores

    return load(kernel, usable_cores() if threads is None else threads)


def _nothing() -> None:
    """Print nothing."""


def _print_calibration(path: Path, sets: Sequence[str] = ()) -> None:
    """Say the state of calibration of a run that is there, or of one with other settings."""
    from feedtwin.record.reader import Run
    from feedtwin.schema.settings import assign
    from feedtwin.world.manifest import calibration_of
    from feedtwin.world.replay import segments_of

    say(calibration_of(assign(segments_of(Run.open(path))[-1].settings, sets)))


def _print_start(prepared: "Prepared") -> None:
    """Say what is about to run; the first line is the state of calibration."""
    from feedtwin.world.manifest import calibration_of

    settings, notes = prepared.settings, prepared.world.notes
    say(calibration_of(settings))
    accounts = f", {plural(prepared.accounts, 'upload-only account')}" if prepared.accounts else ""
    preset = f", preset {settings.preset}" if settings.preset else ""
    say(f"world   {settings.world}, seed {settings.seed}, replicate {settings.replicate}{preset}")
    say(f"people  {plural(prepared.people, 'user')}{accounts}, {plural(prepared.videos, 'video')}")
    if settings.population["kind"] != "synthetic":
        for note in notes[:2]:
            say(f"data    {note}")
    for note in notes[2:]:
        if any(word in note for word in _SHOWN_NOTES):
            say(f"note    {note}")
    say(prepared.kernels.describe().replace("kernels: ", "kernels ", 1))
    say(f"run     {span(prepared.options.steps)} into {prepared.path}, log {prepared.options.log}")


def _finish(
    finished: "Finished", as_json: bool, *, parent: Path | None = None, **more: object
) -> None:
    """Print what a run left behind, and leave with the status of how it ended."""
    from feedtwin.cli.summary import Summary, commands_after_run

    summary = Summary(finished, headlines_only=not as_json)
    after = commands_after_run(finished, summary.manifest["log"])
    if parent is not None:
        more["parent"] = str(parent)
        after = [after[0], shell("compare", parent, finished.path)]
    if as_json:
        answer(summary.as_json(**more))
    else:
        summary.print_metrics()
        summary.print_end(after)
    if finished.interrupted:
        tell(
            f"interrupted after step {finished.steps_done} of {finished.steps}; to go on: "
            f"{shell('resume', finished.path)}"
        )
        raise typer.Exit(INTERRUPTED)


def _stopped_at_once(path: Path) -> NoReturn:
    """Second Ctrl-C, or one outside the steps: the journal is the truth, and resume goes back to it."""
    if (path / "journal").exists():
        tell(f"stopped at once; nothing committed is lost. To go on: {shell('resume', path)}")
    else:
        tell("stopped before the run folder existed; nothing was written")
    raise typer.Exit(INTERRUPTED)
