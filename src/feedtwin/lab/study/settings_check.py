"""Are a study's settings possible? Checked arm by arm before anything runs; errors name file and line."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from feedtwin.errors import FeedtwinError, SettingsError
from feedtwin.lab.study.plan import Arm, Study
from feedtwin.lab.study.posterior import DRAW, draw_of
from feedtwin.schema.nearest import suggest
from feedtwin.schema.parameters import load_defaults
from feedtwin.schema.presets import read_fitted
from feedtwin.schema.settings import DEFAULT_POLICIES, Settings, assign, read_world, resolve
from feedtwin.schema.yaml_reader import Document
from feedtwin.world.counsel import TASKS, source_of

BUDGET: Final = "llm.budget_microusd"
_NOT_SET_HERE = ("users", "seed", "preset", "replicate")


def check_settings(study: Study, document: Document) -> None:
    """Refuse what no world can be made with.

    Raises:
        SettingsError: World, preset, parameter, lever or policy is unknown or out of bounds; or an arm changes
            after the warm-up what only a new world can express.
    """
    _told(document, "world", lambda: read_world(study.world))
    if study.preset is not None:
        name = study.preset
        _told(document, "preset", lambda: read_fitted(name))
    _check_overlay(study.common, "", document)
    for path, overlay in _overlays(document):
        _check_overlay(overlay, path, document)
    common = settings_of(study, None, 0)
    for arm in study.arms.values():
        settings = settings_of(study, arm, 0)
        if study.warmup:
            _told(document, place_of(arm), lambda settings=settings: _branches(common, settings))


def settings_of(study: Study, arm: Arm | None, replicate: int) -> Settings:
    """Return the settings of an arm in a replicate; of the shared past where there is no arm."""
    parameters = dict(study.common["parameters"])
    policies = dict(study.common["policies"])
    if arm is not None:
        parameters |= arm.parameters
        policies |= arm.policies
    if study.posterior:
        parameters[DRAW] = draw_of(study, replicate)
    found = resolve(
        study.world, users=study.users, seed=study.seed, replicate=replicate, preset=study.preset,
        arm={"parameters": parameters, "policies": policies},
    )  # fmt: skip
    share = study.llm_share_microusd
    if share is None or not takes_answers(found):
        return found
    return assign(found, [f"{BUDGET}={min(int(found.parameters[BUDGET]), share)}"])


def takes_answers(settings: Settings) -> bool:
    """Whether a world takes a model's answers, live or from records: both count against its budget."""
    return any(source_of(settings, task) in ("live", "cached") for task in TASKS)


def _branches(before: Settings, after: Settings) -> None:
    from feedtwin.world.segments import check_change

    check_change(before, after)


def place_of(arm: Arm) -> str:
    """Return where in its file an arm is, or the first of the levels that make it."""
    if arm.levels:
        factor, level = next(iter(arm.levels.items()))
        return f"factors.{factor}.{level}"
    return f"arms.{arm.name}"


def _overlays(document: Document) -> list[tuple[str, Mapping[str, Any]]]:
    """Every overlay of the file with its path, those of its `live` part included."""
    found = []
    live = document.values.get("live") or {}
    for start, part in (("", document.values), ("live.", live)):
        for name, one in (part.get("arms") or {}).items():
            found.append((f"{start}arms.{name}", one))
        for factor, levels in (part.get("factors") or {}).items():
            found += [(f"{start}factors.{factor}.{name}", one) for name, one in levels.items()]
    return [(path, one) for path, one in found if one]


def _check_overlay(overlay: Mapping[str, Any], path: str, document: Document) -> None:
    start = f"{path}." if path else ""
    inside = f"{start}parameters."
    lines = {
        name.removeprefix(inside): line
        for name, line in document.lines.items()
        if name.startswith(inside)
    }
    load_defaults().overlay(overlay.get("parameters") or {}, document.where, lines)
    for lever, policy in (overlay.get("policies") or {}).items():
        where = document.at(f"{start}policies.{lever}")
        if lever not in DEFAULT_POLICIES:
            raise SettingsError(
                f"{where}: no lever is called {lever!r}{suggest(lever, DEFAULT_POLICIES)} (there is: "
                f"{', '.join(DEFAULT_POLICIES)})"
            )
        try:
            known_policy(lever, str(policy))
        except FeedtwinError as error:
            raise SettingsError(f"{where}: {error}") from None


@lru_cache(maxsize=256)
def known_policy(lever: str, name: str) -> None:
    """Refuse a policy that is not there."""
    from feedtwin.world.catalogue import require_policy

    require_policy(lever, name)


def _told(document: Document, path: str, check: Any) -> None:
    """Run a check; what it raises gets file and line."""
    try:
        check()
    except FeedtwinError as error:
        raise SettingsError(f"{document.at(path)}: {error}") from None
