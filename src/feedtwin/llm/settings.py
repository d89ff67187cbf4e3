"""Settings of the service, as parameters/llm.yaml declares them."""

from functools import cached_property
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from feedtwin.errors import BudgetError
from feedtwin.llm.budget import PPM, Caps
from feedtwin.llm.prices import Price, parse_prices, price_of
from feedtwin.schema.address import server_of
from feedtwin.schema.codes import AnswerSource, LlmTask
from feedtwin.schema.parameters import Section, load_defaults

SOURCES: Final = {
    "surrogate": AnswerSource.SURROGATE,
    "cached": AnswerSource.CACHED,
    "live": AnswerSource.LIVE,
}
SECTIONS: Final = {
    LlmTask.PERSONA_GENERATION: "persona",
    LlmTask.CAPTION_GENERATION: "caption",
    LlmTask.COMMENT_GENERATION: "comment",
    LlmTask.CREATOR_CAMPAIGN: "campaign",
    LlmTask.TREND_PREDICTION: "trend",
    LlmTask.ACTION_SELECTION: "decision",
}


def code_of(name: str) -> LlmTask | None:
    """Return the task of either name, `caption` or `CAPTION_GENERATION`; None where it is neither."""
    return next((code for code, section in SECTIONS.items() if name in (section, code.name)), None)


class TaskSettings(BaseModel):
    """Settings of one task; `live_until` and `budget_share` are shares of the whole budget."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cohort: str
    source: Literal["off", "surrogate", "cached", "live"]
    model: str
    temperature: float
    tokens_max: int
    live_until: float
    budget_share: float


class LlmSettings(Section):
    """Settings of all tasks and of the way to the server."""

    budget_microusd: int
    reserve_share: float
    base_url: str
    server_name: str
    key_variable: str
    key: Literal["required", "optional"]
    dialect: Literal["strict", "grammar"]
    grammar_text_max: int
    tokens_parameter: Literal["max_tokens", "max_completion_tokens"]
    prices: str
    batch_size: int
    queue_max: int
    concurrency: int
    rate_per_minute: int
    call_timeout_s: float
    flush_deadline_s: float
    attempts_max: int
    backoff_s: float
    repairs_max: int
    silence_max: int
    pause_max: int
    on_trouble: Literal["setup", "degrade", "stop"]
    degraded_share: float
    persona_attention: list[float]
    persona_engagement: list[float]
    compatible_within: float
    persona: TaskSettings
    caption: TaskSettings
    comment: TaskSettings
    campaign: TaskSettings
    trend: TaskSettings
    decision: TaskSettings

    def of(self, task: LlmTask) -> TaskSettings:
        """Return the settings of a task."""
        found: TaskSettings = getattr(self, SECTIONS[task])
        return found

    def source(self, task: LlmTask) -> AnswerSource:
        """Return who answers a task; the stand-in where the task is off."""
        return SOURCES.get(self.of(task).source, AnswerSource.SURROGATE)

    @cached_property
    def server(self) -> str:
        """What tells the server from others in keys of answers: its name or its address, in one spelling."""
        return server_of(self.base_url, self.server_name)

    @property
    def is_live(self) -> bool:
        """Whether any task may call a model."""
        return any(self.of(task).source == "live" for task in SECTIONS)

    @property
    def is_used(self) -> bool:
        """Whether any task needs the service at all."""
        return any(self.of(task).source != "off" for task in SECTIONS)

    @cached_property
    def stated_prices(self) -> dict[str, Price]:
        """Prices that the settings state; raises BudgetError where they are no prices."""
        return parse_prices([entry.strip() for entry in self.prices.split(",") if entry.strip()])

    def price(self, task: LlmTask) -> Price:
        """Return the price of a task's model.

        Raises:
            BudgetError: No price is known.
        """
        return price_of(self.of(task).model, self.stated_prices)

    def caps(self) -> Caps:
        """Return the spending limits in whole micro-dollars."""
        total = self.budget_microusd
        return Caps(
            total=total,
            reserve=total * ppm(self.reserve_share) // PPM,
            tasks={task: total * ppm(self.of(task).budget_share) // PPM for task in SECTIONS},
        )

    def chose_threshold(self, task: LlmTask) -> bool:
        """Whether somebody chose a task's `live_until`: it is not the default."""
        default = load_defaults().values()[f"llm.{SECTIONS[task]}.live_until"]
        return self.of(task).live_until != default

    def live_until_ppm(self) -> dict[LlmTask, int]:
        """Return the utilisation from which each task is degraded, in parts per million."""
        return {task: ppm(self.of(task).live_until) for task in SECTIONS}


def ppm(share: float) -> int:
    """Return a share in whole parts per million."""
    if not 0 <= share <= 1:
        raise BudgetError(f"llm: found the share {share}; expected 0 to 1")
    return round(share * PPM)
