"""Where a study's numbers come from: plan, code, versions, calibration, and what its intervals speak about."""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any, Final

from feedtwin import __version__
from feedtwin.lab.study.cells import measuring_hash, simulation_hash
from feedtwin.lab.study.plan import Study
from feedtwin.lab.study.result import Provenance
from feedtwin.lab.study.settings_check import settings_of

_PACKAGES: Final = ("numpy", "scipy", "pyarrow", "duckdb")
REDRAWN: Final = (
    "people and videos are redrawn in every replicate: intervals speak about worlds of this kind"
)
FIXED: Final = (
    "people and videos are the same in every replicate, only chance is drawn anew: intervals speak about these "
    "people and these videos"
)


def calibration(study: Study) -> str:
    """Return the state of calibration that every number is printed with: that of what the arms share."""
    from feedtwin.world.manifest import calibration_of

    return calibration_of(settings_of(study, None, 0), study.posterior)


def plan_of(study: Study) -> dict[str, Any]:
    """Return everything that determines a study's numbers, plain."""
    return {name: value for name, value in asdict(study).items() if name not in ("where", "name")}


def plan_hash(study: Study) -> str:
    """Return the SHA-256 of a study's plan."""
    text = json.dumps(plan_of(study), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def versions() -> Mapping[str, str]:
    """Return the versions of the package, Python and the libraries that compute."""
    found = {"feedtwin": __version__, "python": platform.python_version()}
    return found | {name: version(name) for name in _PACKAGES}


def provenance(study: Study, replicates: int, precision: str, spent_usd: float) -> Provenance:
    """Return where the numbers of a finished study come from."""
    settings = settings_of(study, None, 0)
    kind = settings.population["kind"]
    return Provenance(
        study=study.name,
        description=study.description,
        world=settings.world,
        users=settings.users,
        seed=study.seed,
        replicates=replicates,
        warmup=study.warmup,
        horizon=study.horizon,
        base="" if study.factors else study.base,
        arms={
            arm.name: {"description": arm.description, **arm.overlay} for arm in study.arms.values()
        },
        factors={factor.name: list(factor.levels) for factor in study.factors},
        aliases=study.aliases,
        population=REDRAWN if kind == "synthetic" else FIXED,
        calibration=calibration(study),
        quick=study.quick,
        precision=precision,
        plan_hash=plan_hash(study),
        code_hash=simulation_hash(),
        metrics_hash=measuring_hash(),
        versions=versions(),
        llm_budget_usd=study.llm_budget_usd,
        llm_spent_usd=spent_usd,
        draws=study.posterior,
    )
