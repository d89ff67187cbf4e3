"""Who answered where the paper asked a hosted model: the stand-ins, or which model, how often, for how much."""

from collections.abc import Sequence

from feedtwin.errors import RunFolderError
from feedtwin.lab.claims.sheet import Sheet
from feedtwin.lab.study.result import Answered, StudyResult
from feedtwin.record.reader import Run
from feedtwin.schema.settings import Settings


def answer_source(sheet: Sheet, result: StudyResult) -> str:
    """Return who answered, task by task; the sheet's words where no model was asked."""
    asked = [row for row in result.answers if row.live or row.cached or row.degraded]
    if not asked:
        return sheet.stand_in
    tasks = dict.fromkeys(row.task for row in asked)
    said = [_of_task(task, [row for row in asked if row.task == task], result) for task in tasks]
    rest = ", ".join(name for name in result.provenance.arms if name not in {r.arm for r in asked})
    others = f"; rules in {rest}" if rest else ""
    spent = f"{result.provenance.llm_spent_usd:.2f} USD spent"
    return f"a language model: {'; '.join(said)}{others}; {spent} (`feedtwin llm usage RUN`)"


def _of_task(task: str, rows: Sequence[Answered], result: StudyResult) -> str:
    model = sum(row.live + row.cached for row in rows)
    total = model + sum(row.surrogate for row in rows)
    arms = ", ".join(row.arm for row in rows)
    bad = [row.arm for row in rows if row.degraded_cells]
    degraded = f", degraded in {', '.join(bad)}" if bad else ""
    name = _model_of(task, rows[0].arm, result)
    return (
        f"{task} by {name} in {arms} ({model:,} of {total:,} answers{degraded}, the rest by rule)"
    )


def _model_of(task: str, arm: str, result: StudyResult) -> str:
    """Name of the model that an arm's first cell asked, from its run folder."""
    from feedtwin.llm.demo import LABEL, MODEL
    from feedtwin.llm.settings import SECTIONS
    from feedtwin.llm.task import task as task_of

    first = min(one.replicate for one in result.readings if one.arm == arm)
    try:
        run = Run.open(result.cell_path(arm, first))
    except RunFolderError:
        return "a model whose name is gone with its cells"
    settings = Settings.model_validate(run.frames[0].payload["segments"][-1]["settings"])
    name = str(settings.parameters[f"llm.{SECTIONS[task_of(task).code]}.model"])
    return f"{name} ({LABEL})" if name == MODEL else name
