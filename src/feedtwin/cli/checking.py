"""Commands that check: replay a run, compare two, and see whether this machine is ready."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feedtwin.cli.going import AsJson, KernelName, Quiet, RunPath, Threads, load_kernels
from feedtwin.cli.progress import bar, is_shown, working
from feedtwin.cli.terminal import (
    NOT_EQUAL,
    answer,
    cell,
    plural,
    reports,
    say,
    shell,
    table,
    tell,
)

if TYPE_CHECKING:
    from feedtwin.world.comparing import Comparison


@reports
def replay(
    path: RunPath,
    threads: Threads = None,
    kernel: KernelName = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Execute a run again and compare it with its record.

    Digests are compared with the journal; with the full log, also every logged row, and the tables that
    folding the log gives. Exit status 0 only if everything is equal; 1 if not, naming file and record; 2 if there is no run.
    """
    from feedtwin.errors import DeterminismError, IntegrityError, SourceError
    from feedtwin.world.replay import replay as again

    kernels = load_kernels(kernel, threads)
    try:
        with bar("replaying", is_shown(quiet, as_json), rate="rows") as on_progress:
            report = again(path, kernels, on_progress)
    except SourceError as error:
        tell(f"error: not executed with what made the run: {error}")
        raise typer.Exit(NOT_EQUAL) from None
    except (DeterminismError, IntegrityError) as error:
        tell(f"error: not the run it claims to be: {error}")
        raise typer.Exit(NOT_EQUAL) from None
    if as_json:
        answer({
            "equal": True, "run_dir": str(report.path), "steps": report.steps,
            "digest": report.digest, "rows_compared": report.rows_compared,
            "tables_compared": list(report.tables_compared), "messages": list(report.messages),
        })  # fmt: skip
        return
    say(f"equal   {plural(report.steps, 'step')} executed again, every digest as in the journal")
    if report.tables_compared:
        say(
            f"equal   {plural(report.rows_compared, 'logged row')}; folded back into "
            f"{plural(len(report.tables_compared), 'table column')} that equal the executed ones"
        )
    else:
        say("note    the run keeps no events (--log digest): digests were compared, rows were not")
    for message in report.messages:
        say(f"note    {message}")
    say(f"digest  {report.digest}")
    say(f"next    {shell('fork', path, '--at', '1', '--set', 'PATH=VALUE')}")


@reports
def compare(
    a: Annotated[Path, typer.Argument(metavar="RUN_A", help="A run folder.")],
    b: Annotated[Path, typer.Argument(metavar="RUN_B", help="Another one.")],
    threads: Threads = None,
    kernel: KernelName = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show where two runs part, and why.

    Exit status 0 if they are equal, 1 if they differ, 2 if they cannot be compared.
    """
    from feedtwin.world.comparing import compare as side_by_side

    kernels = load_kernels(kernel, threads)
    with working("finding the first difference", is_shown(quiet, as_json)):
        found = side_by_side(a, b, kernels)
        metrics = _metric_rows(a, b)
        notes = _degraded(a, b)
    if as_json:
        answer({
            "calibration": {"a": _calibration(a), "b": _calibration(b)},
            **_comparison_json(found, a, b, metrics), "warnings": notes,
        })  # fmt: skip
    else:
        for line in dict.fromkeys(map(_calibration, (a, b))):
            say(line)
        _print_comparison(found, a, b, metrics)
        for note in notes:
            say(f"warning: {note}", style="yellow")
    if not found.equal:
        raise typer.Exit(NOT_EQUAL)


_Metrics = list[tuple[str, str, float | None, float | None]]


def _calibration(run: Path) -> str:
    """The state of calibration that a run was made in."""
    from feedtwin.record.folder import read_manifest

    return str(read_manifest(run)["calibration"])


def _metric_rows(a: Path, b: Path) -> _Metrics:
    """Name, unit and values of every metric that both runs have, over the steps they have in common."""
    from feedtwin.lab.metrics import measure
    from feedtwin.lab.run_data import common_steps, read_run

    steps = common_steps(a, b)
    left, right = measure(read_run(a, steps)), measure(read_run(b, steps))
    return [
        (name, one.metric.unit, one.value, right[name].value)
        for name, one in left.items()
        if name in right
    ]


def _degraded(a: Path, b: Path) -> list[str]:
    """Return what must be known of runs whose numbers are not what their language models would have given."""
    from feedtwin.lab.language import warnings_about

    return [
        f"{name} = {note}" for name, run in (("a", a), ("b", b)) for note in warnings_about(run)
    ]


def _comparison_json(found: "Comparison", a: Path, b: Path, metrics: _Metrics) -> dict[str, object]:
    parted = found.divergence
    return {
        "equal": found.equal,
        "run_a": str(a),
        "run_b": str(b),
        "steps_compared": found.steps_compared,
        "settings": [{"path": path, "a": one, "b": two} for path, one, two in found.settings],
        "notes": list(found.notes),
        "divergence": None if parted is None else {**vars(parted), "cause": list(parted.cause)},
        "metrics": {name: {"unit": unit, "a": one, "b": two} for name, unit, one, two in metrics},
    }


def _print_comparison(found: "Comparison", a: Path, b: Path, metrics: _Metrics) -> None:
    parted = found.divergence
    if parted is None:
        say(f"equal   {plural(found.steps_compared, 'step')}, every digest the same")
    else:
        who = "" if parted.user is None else f", user {parted.user}"
        say(f"differ  after {plural(found.steps_compared, 'equal step')}")
        say(
            f"first   step {parted.step}, phase {parted.phase}: {parted.event}, row {parted.row}{who}"
        )
        say(f"        {parted.column}: {cell(parted.value_a)} against {cell(parted.value_b)}")
        for k, cause in enumerate(parted.cause):
            say(f"{'cause' if k == 0 else '':<8}{cause}")
    say()
    if found.settings:
        say("Settings that differ", style="bold")
        table(
            ["setting", "a", "b"],
            [
                (path, *("default" if one is None else one for one in pair))
                for path, *pair in found.settings
            ],
        )
    else:
        say("No setting differs.")
    changed = [(n, one, two, unit) for n, unit, one, two in metrics if one != two]
    say()
    if changed:
        say("Metrics that differ", style="bold")
        rows = [(n, one, two, _difference(one, two), unit) for n, one, two, unit in changed]
        table(
            ["metric", "a", "b", "b - a", "unit"], rows, right=["a", "b", "b - a"], keep=["metric"]
        )
        say("one pair of runs: no interval")
    elif metrics:
        say(f"All {len(metrics)} metrics are the same.")
    say()
    for note in found.notes:
        say(f"note    {note}")
    say(f"a = {a}")
    say(f"b = {b}")


def _difference(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else float(b - a)


@reports
def check(
    policy: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:CLASS",
            help="A policy, or the name of a listed one; policies.LEVER=NAME where several levers have it.",
        ),
    ],
    kernel: KernelName = "auto",
    as_json: AsJson = False,
) -> None:
    """Hold a policy of your own to its contract, in tiny worlds.

    Exit status 0 if it keeps the contract, 1 if not, 2 if there is no such policy.
    """
    from feedtwin.testing import examine_policy

    report = examine_policy(policy, load_kernels(kernel, 1))
    if as_json:
        answer({
            "ok": report.ok, "policy": report.policy, "lever": report.lever, "name": report.name,
            "asked": list(report.asked), "findings": [vars(one) for one in report.findings],
        })  # fmt: skip
    else:
        say(report.text)
        if report.ok:
            chosen = f"policies.{report.lever}={policy.rpartition('=')[2]}"
            say(f"{'next':<8}{shell('run', 'synthetic', '--set', chosen)}")
    if not report.ok:
        raise typer.Exit(NOT_EQUAL)


@reports
def doctor(as_json: AsJson = False) -> None:
    """Check whether this machine can run feedtwin."""
    from feedtwin.lab.health import examine

    findings = examine()
    usable = all(one.ok or not one.needed for one in findings)
    if as_json:
        answer({
            "usable": usable,
            "findings": [vars(one) for one in findings],
        })  # fmt: skip
    else:
        for one in findings:
            mark = "ok" if one.ok else ("FAILS" if one.needed else "-")
            say(f"{mark:<6}{one.name:<12}{one.found}")
            if one.advice:
                say(f"{'':<18}{one.advice}")
        say()
        say("ready: feedtwin run" if usable else "not usable: see FAILS above")
    if not usable:
        raise typer.Exit(NOT_EQUAL)
