"""The commands `feedtwin llm ...`: costs before and after, caches, and a model server to try."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feedtwin.cli.going import DEFAULT_SEED, DEFAULT_STEPS, AsJson, RunPath, load_kernels
from feedtwin.cli.llm_cache import app as cache
from feedtwin.cli.llm_costs import print_study_cost, print_world_cost
from feedtwin.cli.llm_fidelity import fidelity
from feedtwin.cli.progress import is_shown, working
from feedtwin.cli.terminal import (
    NOT_EQUAL,
    answer,
    reports,
    say,
    table,
    tell,
    usd,
    usd_alike,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from feedtwin.llm.admin import Usage
    from feedtwin.llm.settings import LlmSettings

app = typer.Typer(no_args_is_help=True, help="Language models: costs, caches, a server to try.")
app.add_typer(cache, name="cache")

World = Annotated[str, typer.Argument(help="Name of a world, or path of a YAML file.")]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="A setting; may be repeated."),
]


def _settings(world: str, sets: list[str] | None) -> "LlmSettings":
    from feedtwin.llm.admin import llm_settings
    from feedtwin.schema.settings import resolve

    return llm_settings(resolve(world, sets=sets or []))


@app.command("estimate")
@reports
def estimate(
    source: Annotated[
        str, typer.Argument(metavar="WORLD|STUDY", help="Name or .yaml file of a world or a study.")
    ] = "synthetic",
    users: Annotated[
        int | None, typer.Option(help="Number of users; as many as the world has by default.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help=f"Hours to rehearse; {DEFAULT_STEPS} by default.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help=f"Root seed; {DEFAULT_SEED} by default.")] = None,
    llm: Annotated[
        str | None,
        typer.Option(metavar="surrogate|cached|live", help="As in `feedtwin run`."),
    ] = None,
    calls: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TASK=NUMBER",
            help="Rehearse nothing: a task is asked so often; may be repeated.",
        ),
    ] = None,
    sets: Sets = None,
    llm_cache: Annotated[
        Path | None,
        typer.Option(help="Answers of a world that are there; those of `feedtwin run` by default."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of a study; studies/<name> by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what the live tasks of a world, or of all cells of a study, will cost, before anything is spent.

    The world is run in memory against a model that answers as the stand-ins do: its ledger is the estimate. Answers
    that are in the cache cost nothing more. Of a study, the first replicate of every arm is, and counted once per cell.
    """
    from feedtwin.errors import SettingsError
    from feedtwin.lab.study.reading import is_study

    if is_study(source):
        told = {
            "--users": users, "--steps": steps, "--seed": seed, "--llm": llm, "--calls": calls, "--set": sets,
            "--llm-cache": llm_cache,
        }  # fmt: skip
        _estimate_study(source, [name for name, value in told.items() if value], out, as_json)
    else:
        if out is not None:
            raise SettingsError(
                f"--out {out}: is a study's folder, and {source} is a world; expected --llm-cache or nothing"
            )
        _estimate_world(source, users, steps or DEFAULT_STEPS, DEFAULT_SEED if seed is None else seed,
                        llm, calls, sets or [], llm_cache, as_json)  # fmt: skip


def _estimate_study(source: str, options: "Sequence[str]", out: Path | None, as_json: bool) -> None:
    from feedtwin.errors import SettingsError
    from feedtwin.lab.study.costing import cost_of
    from feedtwin.lab.study.reading import read_study
    from feedtwin.lab.study.running import folder_of

    if options:
        raise SettingsError(
            f"{' '.join(options)}: {source} is a study, which says this itself; expected a world, or no such option. "
            "Change the study's file"
        )
    study = read_study(source, is_estimate=True)
    with working("rehearsing", is_shown(False, as_json)):
        cost = cost_of(study, load_kernels("auto", None), folder=folder_of(study, out))
    print_study_cost(study, cost, as_json)


def _estimate_world(
    world: str,
    users: int | None,
    steps: int,
    seed: int,
    llm: str | None,
    calls: list[str] | None,
    sets: list[str],
    cache: Path | None,
    as_json: bool,
) -> None:
    from feedtwin.lab.launch import answers_of, llm_sets
    from feedtwin.llm import admin, estimates
    from feedtwin.schema.settings import resolve

    degraded: Mapping[str, tuple[int, int]] = {}
    settings = resolve(world, users, seed, sets=llm_sets(llm, sets))
    own = admin.llm_settings(settings)
    kept = None if calls else answers_of(cache)
    if calls:
        rows = estimates.estimate(own, estimates.parse_calls(calls))
    else:
        from feedtwin.world.rehearsing import rehearse

        with working("rehearsing", is_shown(False, as_json)):
            found = rehearse(settings, steps, load_kernels("auto", None), cache=kept)
        rows, degraded = list(found.tasks), found.degraded
    print_world_cost(rows, own.budget_microusd, degraded, as_json, kept)


@app.command("usage")
@reports
def usage(path: RunPath, as_json: AsJson = False) -> None:
    """Say what a run asked of language models, who answered, and what it cost."""
    from feedtwin.llm import admin

    found = admin.usage(path)
    if as_json:
        answer(
            {
                "tasks": {
                    code.name: {
                        "answers": {s.name.lower(): n for s, n in one.counts.by_source.items()},
                        "degraded": one.counts.degraded,
                        "reasons": one.reasons,
                        "calls": one.calls,
                        "tokens_in": one.tokens_in,
                        "tokens_out": one.tokens_out,
                        "charged_microusd": one.charged,
                        "paid_microusd": one.paid,
                    }
                    for code, one in found.tasks.items()
                },
                "charged_microusd": found.charged,
                "paid_microusd": found.paid,
                "budget_microusd": found.budget,
                "disputed_microusd": found.disputed,
                "inherited_microusd": found.inherited,
                "burn_down": found.burn_down,
                "degraded": [code.name for code in found.degraded],
                "damaged_records": found.damaged,
                "stopped": found.stopped,
                "unfinished": found.unfinished,
                "lost_calls": found.lost_calls,
                "lost_microusd": found.lost,
            }
        )
        return
    _print_usage(found)
    if found.inherited:
        say(f"of it, {usd(found.inherited)} was paid by the run that this one is forked from")
    if found.disputed:
        say(f"provider overrun: {usd(found.disputed)} claimed above what was reserved, not charged")
    for code in found.degraded:
        share = found.tasks[code].degraded_ppm / 10_000
        say(f"degraded: {share:.1f} % of {code.name} was not answered as wanted")
    for code, one in found.tasks.items():
        if one.counts.degraded:
            say(f"not as wanted, {code.name}: {one.why}")
    stopped = f"the run stopped {found.stopped}" if found.stopped else ""
    for warning in (stopped, found.damage, found.loss, found.unfinished):
        if warning:
            say(f"warning: {warning}", style="yellow")


def _print_usage(found: "Usage") -> None:
    """Print who answered, and what it cost: two tables, as one is wider than a terminal."""
    answers, costs = [], []
    pairs = [
        *((one.charged, one.paid) for one in found.tasks.values()),
        (found.charged, found.paid),
    ]
    money = usd_alike(*(microusd for pair in pairs for microusd in pair))
    names = [code.name for code in found.tasks]
    for name, one in zip(names, found.tasks.values(), strict=True):
        by = {source.name: number for source, number in one.counts.by_source.items()}
        numbers = (one.counts.total, *(by.get(n, 0) for n in ("LIVE", "CACHED", "SURROGATE")),
                   one.counts.degraded)  # fmt: skip
        answers.append((name, *(f"{n:,}" for n in numbers)))
        costs.append((name, *(f"{n:,}" for n in (one.calls, one.tokens_in, one.tokens_out))))
    sums = [
        sum(getattr(one, n) for one in found.tasks.values())
        for n in ("calls", "tokens_in", "tokens_out")
    ]
    costs.append(("all", *(f"{n:,}" for n in sums)))
    head = ("task", "answers", "live", "cached", "stand-in", "degraded")
    table(head, answers, right=head[1:], keep=head)
    say()
    head = ("task", "calls", "tokens in", "tokens out", "charged", "paid")
    paired = zip(costs, money[::2], money[1::2], strict=True)
    table(
        head,
        [(*cells, charged, paid) for cells, charged, paid in paired],
        right=head[1:],
        keep=head,
    )
    say()
    say(f"charged {money[-2]} of {usd(found.budget)}, paid {money[-1]}")


app.command("fidelity")(fidelity)


@app.command("ask")
@reports
def ask(
    task: Annotated[str, typer.Argument(help="caption or CAPTION_GENERATION, and the like.")],
    sets: Sets = None,
    as_json: AsJson = False,
) -> None:
    """Ask a task's example once, and show the typed answer; exits with status 1 if no model gave it though asked."""
    from feedtwin.llm import admin

    found = admin.ask_example(_settings("synthetic", sets), task)
    value = {
        "response": found.answer.response.model_dump(mode="json"),
        "source": found.answer.source.name.lower(),
        "reason": found.answer.reason,
        "paid_microusd": found.paid,
    }
    if as_json:
        answer(value)
        if found.is_missed:
            raise typer.Exit(NOT_EQUAL)
        return
    for name, field in found.answer.response.model_dump(mode="json").items():
        say(f"{name}: {field}")
    say()
    why = f" ({found.answer.reason})" if found.answer.reason else ""
    say(f"answered by {value['source']}{why}, paid {usd(found.paid)}")
    if found.is_missed:
        tell(
            f"error: {task}: no live answer came ({found.answer.reason}), and a stand-in's is shown; expected one of "
            "the model. Check llm.base_url, the key, the model's name and the budget"
        )
        raise typer.Exit(NOT_EQUAL)


@app.command("demo-server")
@reports
def demo_server(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8089,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the model's weights.")] = 0,
) -> None:
    """Run a real model server with a tiny model of random weights, until interrupted."""
    from feedtwin.llm import demo
    from feedtwin.llm.secrets import read_key

    key = read_key("FEEDTWIN_LLM_KEY", is_needed=False).reveal() or "feedtwin-demo"
    with demo.demo_server(key, port, seed) as running:
        say(f"demo server at {running.address} ({demo.LABEL})")
        say("try it in another terminal; Ctrl-C ends it here:")
        shown = "$FEEDTWIN_LLM_KEY" if "FEEDTWIN_LLM_KEY" in os.environ else key
        say(f"  export FEEDTWIN_LLM_KEY={shown}")
        say(
            f"  feedtwin llm ask CAPTION_GENERATION --set llm.base_url={running.address} "
            f"--set llm.caption.source=live --set llm.caption.model={running.model} "
            "--set llm.dialect=grammar --set llm.grammar_text_max=40"
        )
        models = " ".join(
            f"--set llm.{task}.model={running.model}"
            for task in ("persona", "caption", "campaign", "trend")
        )
        say(
            f"  feedtwin run synthetic --users 200 --steps 24 --llm live --set llm.base_url={running.address} {models} "
            "--set llm.dialect=grammar --set llm.grammar_text_max=16 --set llm.concurrency=2"
        )
        _wait()


def _wait() -> None:
    """Wait until interrupted."""
    import signal

    try:
        signal.pause()
    except KeyboardInterrupt:
        say("ended")
