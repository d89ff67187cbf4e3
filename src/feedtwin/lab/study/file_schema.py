"""The shape of a study file: keys, types and bounds. What the names in it mean is checked in `reading`."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from feedtwin.schema.settings import SEED_MAX


def _no_flag(value: Any) -> Any:
    """YAML's true is no number."""
    if isinstance(value, bool):
        raise ValueError("expected a whole number")
    return value


def _named(value: Any) -> Any:
    """Levels and names may be typed as numbers."""
    if isinstance(value, dict):
        return {str(key): ({} if one is None else one) for key, one in value.items()}
    return value


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class OverlayPart(_Part):
    """An arm, or a level of a factor: what it changes of the study's common settings."""

    description: str = ""
    parameters: dict[str, Any] = {}
    policies: dict[str, str] = {}


class UntilPart(_Part):
    """The precision that ends a study."""

    estimand: str | None = None
    half_width: float | None = Field(default=None, gt=0)
    relative: float | None = Field(default=None, gt=0, lt=1)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.half_width is None) == (self.relative is None):
            raise ValueError(
                "expected half_width (in the metric's unit) or relative (a share), one of them"
            )
        return self


class ReplicatesPart(_Part):
    """Replicates in batches until a precision, at most so many."""

    until: UntilPart
    most: int = Field(ge=2, le=100_000)
    batch: int = Field(default=10, ge=1)


class CohortPart(_Part):
    """A part of the population, by an attribute that no arm changes."""

    of: Literal["creators", "viewers"]
    column: str
    is_: str | int | list[str | int] | None = Field(default=None, alias="is")
    top: float | None = Field(default=None, gt=0, lt=1)
    bottom: float | None = Field(default=None, gt=0, lt=1)
    at_least: float | None = None
    below: float | None = None
    read_from: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        ranged = self.at_least is not None or self.below is not None
        if sum(one is not None for one in (self.is_, self.top, self.bottom)) + ranged != 1:
            raise ValueError("expected one of `is`, `top`, `bottom` and `at_least` with `below`")
        return self


class EstimandPart(_Part):
    """What is estimated; contrasts and metrics may be lists, which gives one estimand each."""

    metric: str | Annotated[list[str], Field(min_length=1)]
    contrast: (
        str | dict[str, str | int | float] | Annotated[list[str], Field(min_length=1)] | None
    ) = None
    cohort: str | Annotated[list[str], Field(min_length=1)] | None = None
    steps: tuple[int, int] | None = None
    name: str | None = None
    smallest_effect: float | None = Field(default=None, gt=0)
    no_harm: float | None = Field(default=None, gt=0)
    equivalent_within: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.no_harm is not None and self.equivalent_within is not None:
            raise ValueError("expected no_harm or equivalent_within, not both")
        return self


class QuickPart(_Part):
    """What `--quick` cuts a study down to."""

    replicates: int | None = Field(default=None, ge=1)
    users: int | None = Field(default=None, ge=1)
    horizon: int | None = Field(default=None, ge=1)
    warmup: int | None = Field(default=None, ge=0)


Overlays = Annotated[dict[str, OverlayPart], BeforeValidator(_named)]


class LivePart(_Part):
    """What `--live` changes: stand-ins give way to a language model.

    Attributes:
        policies: By lever, stand-in to policy that asks, wherever an arm or a level has the stand-in.
        parameters: What else those arms and levels then have.
        arms: Arms that take the place of those of the same name.
        factors: By factor, levels that take the place of those of the same name.
    """

    policies: dict[str, dict[str, str]] = {}
    parameters: dict[str, Any] = {}
    arms: Overlays = {}
    factors: dict[str, Overlays] = {}


class StudyFile(_Part):
    """A study file, as typed."""

    name: str | None = None
    description: str = ""
    world: str
    users: int | None = Field(default=None, ge=1)
    seed: int = Field(default=7, ge=0, le=SEED_MAX)
    preset: str | None = None
    parameters: dict[str, Any] = {}
    policies: dict[str, str] = {}
    arms: Overlays = {}
    base: str | None = None
    factors: dict[str, Overlays] = {}
    fraction: list[str] = []
    replicates: Annotated[
        Annotated[int, Field(ge=1, le=100_000)] | ReplicatesPart, BeforeValidator(_no_flag)
    ] = 20
    horizon: int = Field(ge=1)
    warmup: int = Field(default=0, ge=0)
    cohorts: dict[str, CohortPart] = {}
    estimands: list[EstimandPart] = Field(min_length=1)
    distributions: list[str] = []
    over_time: int = Field(default=0, ge=0)
    correction: Literal["holm", "dunnett", "max_t", "benjamini-hochberg", "none"] = "holm"
    confidence: float = Field(default=0.95, ge=0.5, lt=1)
    llm_budget_usd: float = Field(default=0.0, ge=0)
    quick: QuickPart | None = None
    live: LivePart | None = None

    @classmethod
    def parts(cls) -> dict[str, type[BaseModel]]:
        """Return the models of the file's inner parts by the key that holds them."""
        return {
            "arms": OverlayPart,
            "factors": OverlayPart,
            "replicates": ReplicatesPart,
            "until": UntilPart,
            "cohorts": CohortPart,
            "estimands": EstimandPart,
            "quick": QuickPart,
            "live": LivePart,
        }
