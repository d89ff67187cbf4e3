"""A claims sheet: one YAML beside a built-in study, with the paper's printed table and what the paper says of it."""

from importlib.resources import files
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from feedtwin.errors import SettingsError
from feedtwin.schema.yaml_reader import read_document

SHEETS: Final = "feedtwin.studies"
FOLDER: Final = "claims"
Expects = Literal["higher", "lower", "unchanged"]
Verdict = Literal["supported", "not supported", "not testable"]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_listed)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(_Part):
    """A column of the paper's table, and our metric for it."""

    metric: str
    title: str
    ours: str = ""
    """What must be said about our number: another unit, another population."""


class Row(_Part):
    """A row of the paper's table, and the arms whose mean stands beside it."""

    name: str
    arms: list[str]
    values: dict[str, tuple[float, float]]
    """Printed mean and standard deviation by metric."""


class Table(_Part):
    """The paper's table.

    Attributes:
        title: What it is called there.
        n: Runs behind each row, as printed.
        seeds: Independent replicates behind each row.
        rounding: Half of the last printed digit by metric: the least spread that a printed 0 can stand for.
        columns: Its columns.
        rows: Its rows.
        note: What must be known to read our numbers beside it; printed with the table.
    """

    title: str
    n: int = Field(ge=2)
    seeds: int = Field(ge=2)
    rounding: dict[str, float] = {}
    columns: list[Column]
    rows: list[Row]
    note: str = ""


class Test(_Part):
    """A difference of printed rows: mean of `rows` - mean of `against`."""

    metric: str
    rows: Names
    against: Names


class Claim(_Part):
    """Something that the paper says.

    Attributes:
        id: Short name, unique in the sheet.
        says: The claim, with its numbers.
        where: Table, figure or section.
        expects: What the claim expects of our estimands.
        margin: For `unchanged`: share of the base's level within which a difference is no change.
        test: The printed difference that decides; None where `verdict` is given.
        verdict: Given where printed numbers cannot be tested by arithmetic alone.
        why: What decides, in words; added to the numbers of a test.
        ours: Names of our estimands, the one that decides first; [] where we have none.
        note: What must be known about our side.
    """

    id: str
    says: str
    where: str
    expects: Expects = "unchanged"
    margin: float = Field(default=0.01, gt=0, lt=1)
    test: Test | None = None
    verdict: Verdict | None = None
    why: str = ""
    ours: Names = []
    note: str = ""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.test is None) == (self.verdict is None):
            raise ValueError(f"claim {self.id}: expected `test` or `verdict`, one of them")
        if self.verdict is not None and not self.why:
            raise ValueError(f"claim {self.id}: expected `why` with a given verdict")
        return self


class Sheet(_Part):
    """A claims sheet.

    Attributes:
        study: Name of the study that it is about.
        paper: Which experiment of the paper.
        stand_in: Who answers where the paper asked a hosted model, and who would with a server.
        table: The paper's table.
        family: Whether printed tests are corrected for all pairs of rows and columns, or for the claims alone.
        claims: What the paper says.
    """

    study: str
    paper: str
    stand_in: str
    table: Table
    family: Literal["pairs", "claims"] = "pairs"
    claims: list[Claim]

    @model_validator(mode="after")
    def _known(self) -> Self:
        rows = {row.name: row for row in self.table.rows}
        metrics = {column.metric for column in self.table.columns}
        ids = [claim.id for claim in self.claims]
        if len(set(ids)) < len(ids):
            raise ValueError("two claims have one id")
        for claim in self.claims:
            if claim.test is None:
                continue
            for name in (*claim.test.rows, *claim.test.against):
                if name not in rows or claim.test.metric not in rows[name].values:
                    raise ValueError(
                        f"claim {claim.id}: no printed {claim.test.metric} of {name!r}"
                    )
            if claim.test.metric not in metrics:
                raise ValueError(f"claim {claim.id}: {claim.test.metric} is no column of the table")
        return self


def sheets() -> list[str]:
    """Return the names of the studies that have a claims sheet, sorted."""
    entries = (files(SHEETS) / FOLDER).iterdir()
    return sorted(one.name.removesuffix(".yaml") for one in entries if one.name.endswith(".yaml"))


def read_sheet(study: str) -> Sheet:
    """Return the claims sheet of a study.

    Raises:
        SettingsError: It has none, or the sheet is not well-formed.
    """
    if study not in sheets():
        raise SettingsError(f"study {study}: has no claims sheet (there is: {', '.join(sheets())})")
    where = f"studies/{FOLDER}/{study}.yaml"
    document = read_document((files(SHEETS) / FOLDER / f"{study}.yaml").read_text("utf-8"), where)
    try:
        return Sheet.model_validate(document.values)
    except ValidationError as error:
        item = error.errors()[0]
        path = ".".join(str(part) for part in item["loc"])
        raise SettingsError(
            f"{where}: {path}: {item['msg'].removeprefix('Value error, ')}"
        ) from None
