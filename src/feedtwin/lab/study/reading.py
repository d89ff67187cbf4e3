"""Study files: one small YAML becomes a checked `Study`, or an error that names file and line.

Nothing runs here, and nothing has run when an error is raised.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from feedtwin.errors import SettingsError
from feedtwin.lab.statistics import Precision
from feedtwin.lab.study import designs
from feedtwin.lab.study.asking import estimands_of
from feedtwin.lab.study.budget import with_money
from feedtwin.lab.study.cohorts import cohorts_of
from feedtwin.lab.study.distributions import DISTRIBUTIONS
from feedtwin.lab.study.enlivening import enlivened
from feedtwin.lab.study.file_schema import StudyFile
from feedtwin.lab.study.plan import Arm, Factor, Replication, Study
from feedtwin.lab.study.posterior import over_posterior
from feedtwin.lab.study.settings_check import check_settings
from feedtwin.lab.study.shape import known_path, shaped
from feedtwin.schema.nearest import suggest
from feedtwin.schema.yaml_reader import Document, read_document, read_file

BUILT_IN: Final = "feedtwin.studies"
OF_A_LOG: Final = "random-exposure"
"""The built-in study that runs no world: it asks a log and its preset (`calibration.exposure`)."""
QUICK_REPLICATES: Final = 8
QUICK_HORIZON: Final = 24
"""What `--quick` cuts a study down to where the file does not say."""


def built_in_studies() -> list[str]:
    """Return the names of the studies that ship with the package, sorted."""
    entries = files(BUILT_IN).iterdir()
    return sorted(e.name.removesuffix(".yaml") for e in entries if e.name.endswith(".yaml"))


def is_study(source: str | Path) -> bool:
    """Whether a name or a file is a study's rather than a world's.

    Raises:
        SettingsError: The file is not one of this kind of YAML.
    """
    text = str(source)
    if text.endswith((".yaml", ".yml")):
        try:
            return "estimands" in read_file(Path(text)).values
        except FileNotFoundError:
            return False
    return text in built_in_studies()


def read_study(
    source: str | Path, *, quick: bool = False, replicates: int | None = None, live: bool = False,
    is_estimate: bool = False, posterior: int = 0,
) -> Study:  # fmt: skip
    """Return a study by file or by name, checked.

    Args:
        source: Path of a YAML file, or name of a built-in study.
        quick: Cut it down to a quick look: fewer replicates, a shorter horizon.
        replicates: Replicates (or the cap) instead of the file's.
        live: Ask a language model where the file's `live` says so, instead of the stand-ins.
        is_estimate: Whether only its cost is asked: then it needs no budget for language models.
        posterior: Draws of its fitted preset to repeat it over; 0 for the point estimates alone.

    Raises:
        SettingsError: No such study; or something in it is unknown, impossible or out of bounds. Names file,
            line and the nearest valid name.
    """
    text = str(source)
    options: Any = {
        "quick": quick,
        "replicates": replicates,
        "live": live,
        "is_estimate": is_estimate,
        "posterior": posterior,
    }
    if isinstance(source, Path) or text.endswith((".yaml", ".yml")):
        path = Path(text)
        try:
            document = read_file(path)
        except FileNotFoundError:
            known = ", ".join((*built_in_studies(), OF_A_LOG))
            raise SettingsError(f"{text}: no such file; studies by name are {known}") from None
        return parse_study(document, path.stem, **options)
    known_names = [*built_in_studies(), OF_A_LOG]
    if text == OF_A_LOG:
        raise SettingsError(
            f"{OF_A_LOG}: runs no world; expected a study of worlds here ({', '.join(built_in_studies())}). It asks a log: "
            f"`feedtwin study {OF_A_LOG} --preset FILE --data FOLDER`"
        )
    if text not in known_names:
        raise SettingsError(
            f"no study is called {text!r}{suggest(text, known_names)} (there is: "
            f"{', '.join(known_names)}; or give the path of a .yaml file)"
        )
    content = (files(BUILT_IN) / f"{text}.yaml").read_text("utf-8")
    document = read_document(content, f"studies/{text}.yaml")
    return parse_study(document, text, **options)


def parse_study(
    document: Document, name: str, *, quick: bool = False, replicates: int | None = None,
    live: bool = False,
    is_estimate: bool = False,
    posterior: int = 0,
) -> Study:  # fmt: skip
    """Return the study that a document describes, checked."""
    raw = shaped(document)
    if live:
        raw = enlivened(raw, document)
    whole = raw.horizon
    if quick:
        raw = _quickened(raw)
    planned = raw.replicates if isinstance(raw.replicates, int) else raw.replicates.most
    if replicates is not None:
        raw = raw.model_copy(update={"replicates": _told(raw, replicates, document)})

    def at(path: str) -> Callable[[str], SettingsError]:
        return lambda text: SettingsError(f"{document.at(known_path(document, path))}: {text}")

    if raw.over_time > whole:
        raise at("over_time")(
            f"windows of {raw.over_time} steps in a horizon of {whole}; expected at most {whole}"
        )
    arms, factors, aliases = _arms(raw, at)
    base = _base(raw, arms, factors, at)
    cohorts = cohorts_of(raw.cohorts, arms, at)
    estimands = estimands_of(raw, arms, base, factors, cohorts, at)
    for place, wanted in enumerate(raw.distributions):
        if wanted not in DISTRIBUTIONS:
            raise at(f"distributions[{place}]")(
                f"no distribution is called {wanted!r}{suggest(wanted, DISTRIBUTIONS)} (there is: "
                f"{', '.join(DISTRIBUTIONS)})"
            )
    study = Study(
        name=raw.name or name,
        description=raw.description,
        where=document.where,
        world=_world(raw.world, document),
        users=raw.users,
        seed=raw.seed,
        preset=raw.preset,
        common={"parameters": raw.parameters, "policies": raw.policies},
        arms=arms,
        base=base,
        factors=factors,
        aliases=aliases,
        replication=_replication(raw, [one.name for one in estimands], at),
        horizon=raw.horizon,
        warmup=raw.warmup,
        cohorts=cohorts,
        estimands=estimands,
        distributions=tuple(raw.distributions),
        over_time=raw.over_time,
        correction=raw.correction,
        confidence=raw.confidence,
        llm_budget_usd=raw.llm_budget_usd,
        quick=quick,
    )
    if posterior:
        study, planned = over_posterior(study, posterior, document), planned * posterior
    check_settings(study, document)
    return with_money(study, document, planned, is_estimate=is_estimate)


def _quickened(raw: StudyFile) -> StudyFile:
    """A quick look at the same question: what the file's `quick` says, or fewer replicates and steps."""
    told = raw.quick.model_dump(exclude_none=True) if raw.quick else {}
    present = raw.replicates if isinstance(raw.replicates, int) else raw.replicates.most
    horizon = min(told.get("horizon", QUICK_HORIZON), raw.horizon)
    estimands = [
        one.model_copy(update={"steps": _squeezed(one.steps, raw.horizon, horizon)})
        if one.steps and one.steps[1] > horizon
        else one
        for one in raw.estimands
    ]
    return raw.model_copy(
        update={
            "users": told.get("users", raw.users),
            "horizon": horizon,
            "warmup": min(told.get("warmup", raw.warmup), raw.warmup),
            "replicates": min(told.get("replicates", QUICK_REPLICATES), present),
            "estimands": estimands,
        }
    )


def _squeezed(steps: tuple[int, int], horizon: int, to: int) -> tuple[int, int]:
    """The same part of a shorter horizon, one step at least."""
    first = min(steps[0] * to // horizon, to - 1)
    return first, max(first + 1, steps[1] * to // horizon)


def _told(raw: StudyFile, replicates: int, document: Document) -> Any:
    if replicates < 1:
        raise SettingsError(
            f"{document.where}: --replicates: found {replicates}, expected at least 1"
        )
    if isinstance(raw.replicates, int):
        return replicates
    return raw.replicates.model_copy(update={"most": replicates})


def _world(world: str, document: Document) -> str:
    """A world's file is looked for beside the study's."""
    if world.endswith((".yaml", ".yml")) and not Path(world).is_absolute():
        beside = Path(document.where).parent / world
        return str(beside) if beside.exists() else world
    return world


At = Callable[[str], Callable[[str], SettingsError]]


def _arms(raw: StudyFile, at: At) -> tuple[dict[str, Arm], tuple[Factor, ...], tuple[str, ...]]:
    if bool(raw.arms) == bool(raw.factors):
        raise at("arms" if raw.arms else "")(
            "found both arms and factors; expected one of them"
            if raw.arms
            else "found neither arms nor factors; expected one of them: arms are listed, factors are crossed"
        )
    if raw.arms:
        arms = {
            name: Arm(name, one.parameters, one.policies, one.description)
            for name, one in raw.arms.items()
        }
        for name in arms:
            if designs.MINUS in name:
                raise at(f"arms.{name}")(
                    f"arm {name!r}: a name cannot hold {designs.MINUS!r}, which stands between the arms of a contrast; "
                    "expected another name"
                )
        if len(arms) < 2:
            raise at("arms")("found one arm; expected two or more, to compare")
        if raw.fraction:
            raise at("fraction")("found a fraction without factors; expected factors to take it of")
        return arms, (), ()
    factors = tuple(Factor(name, tuple(levels)) for name, levels in raw.factors.items())
    for factor in factors:
        if len(factor.levels) < 2:
            raise at(f"factors.{factor.name}")(
                f"factor {factor.name} has {len(factor.levels)} levels; expected two or more"
            )
    overlays: Mapping[str, Any] = {
        name: {level: one.model_dump() for level, one in levels.items()}
        for name, levels in raw.factors.items()
    }
    full = designs.arms_of(overlays)
    if not raw.fraction:
        return full, factors, ()
    kept, aliases = designs.fraction(full, factors, raw.fraction, at("fraction"))
    return kept, factors, aliases


def _base(raw: StudyFile, arms: Mapping[str, Arm], factors: Sequence[Factor], at: At) -> str:
    if raw.base is None:
        return next(iter(arms))
    if raw.base not in arms:
        raise at("base")(
            f"no arm is called {raw.base!r}{suggest(raw.base, arms)} (there is: {', '.join(arms)})"
        )
    if factors:
        raise at("base")("a design of factors has no base; its factors' first levels are")
    return raw.base


def _replication(raw: StudyFile, estimands: Sequence[str], at: At) -> Replication:
    found = raw.replicates
    if isinstance(found, int):
        return Replication(found, found)
    name = found.until.estimand or estimands[0]
    if name not in estimands:
        raise at("replicates.until.estimand")(
            f"no estimand is called {name!r}{suggest(name, estimands)} (there is: {', '.join(estimands)})"
        )
    precision = Precision(found.until.half_width, found.until.relative)
    return Replication(found.most, min(found.batch, found.most), precision, name)


def with_replicates(study: Study, most: int) -> Study:
    """Return the study with another number (or cap) of replicates."""
    return replace(study, replication=replace(study.replication, most=most))
