"""The bill of language models: what the journal says was spent is what the registry's books say."""

from collections.abc import Iterator

from feedtwin.lab.auditing.finding import SKIPPED, Finding, judged
from feedtwin.lab.language import language_use, uses_language
from feedtwin.record.reader import Run
from feedtwin.world.replay import start_step_of

MICRO = 1_000_000
"""Micro-dollars of a dollar."""


def check_ledger(run: Run) -> Iterator[Finding]:
    """Yield whether calls in the journal add up to the registry's ledger; nothing for a run without language models."""
    if not uses_language(run):
        return
    from feedtwin.llm.admin import usage_of

    use = language_use(run.path)
    assert use is not None
    found = usage_of(run.frames)
    if not run.closing:
        yield Finding("ledger", SKIPPED, "the run is not finished: its last step may be under way")
        return
    paid = sum(one.paid_microusd for one in use.tasks.values())
    answers = sum(one.answers for one in use.tasks.values())
    problems = []
    if paid != found.paid - found.inherited:
        problems.append(
            f"paid: {paid:,} micro-dollars in the registry, {found.paid - found.inherited:,} by the calls in the journal"
        )
    if not start_step_of(run):  # a fork's journal begins with its parent's answers
        recorded = sum(one.counts.total for one in found.tasks.values())
        if answers < recorded:
            problems.append(f"answers: {answers:,} in the registry, {recorded:,} in the journal")
        if found.charged > found.budget:
            problems.append(
                f"charged {found.charged:,} micro-dollars of a budget of {found.budget:,}; expected never more than it"
            )
    yield judged(
        "ledger", problems,
        f"{answers:,} answers, {paid / MICRO:.6f} USD paid: journal and registry agree, within the budget",
    )  # fmt: skip
