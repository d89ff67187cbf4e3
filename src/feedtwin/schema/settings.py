"""Everything that determines a world's state, resolved in one defined order.

Order of precedence, weakest first: the package's defaults, the preset, the world file, the study's arm,
`--set`. A preset that was fitted to a log comes after the world file: what was fitted replaces what was set by hand. What does not determine state (steps, threads, log level, folders) is no setting.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from feedtwin.errors import SettingsError
from feedtwin.schema.address import check_address, check_server_name
from feedtwin.schema.nearest import suggest
from feedtwin.schema.parameters import ParameterSet, load_defaults, parse_assignment
from feedtwin.schema.presets import FittedPreset, load_preset, read_fitted
from feedtwin.schema.script import check_script
from feedtwin.schema.yaml_reader import Document, read_document, read_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from feedtwin.schema.parameters import ParameterSet

DEFAULT_WORLD: Final = "kuairand-sample"
SEED_MAX: Final = 2**32 - 1
REPLICATE_MAX: Final = 2**20 - 1
USERS_MAX: Final = 0xFFFF0000 - 1  # ids from 0xFFFF0000 on are advertisers

_KINDS: Final = ("synthetic", "kuairand")
_WORLD_KEYS: Final = (
    "description", "population", "data", "policies", "parameters", "preset", "script",
    "targets", "calibration",
)  # fmt: skip
DEFAULT_POLICIES: Final = {
    "recommendation": "tiktok", "promotion": "staged", "behaviour": "kernel", "forecast": "rules",
    "governance": "none", "campaigns": "none", "monetization": "none",
}  # fmt: skip
_LEVERS: Final = tuple(DEFAULT_POLICIES)
_DATA_KEYS: Final = ("path",)
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPTIONS: Final = ("seed", "replicate", "users", "steps", "world")


class Settings(BaseModel):
    """The resolved settings; equal settings, seed, replicate and journal give equal states.

    Attributes:
        world: Name or file stem of the world.
        users: Number of users, or None for as many as the population has.
        seed: Root seed.
        replicate: Replicate; arms of one replicate share their chance.
        preset: Name or file of the preset, or None.
        population: `kind` (synthetic or kuairand) and what else the builder of that kind reads.
        policies: Name (or `module:Class`) of the policy of each lever.
        parameters: Value of every parameter by path.
        data: What the data adaptor reads (`path`), and what a fitted `preset` says of itself, or None.
        append: Users and videos added at the end, for tests of isolation.
        script: Actions that the world executes beside what users ask for (`schema.script`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    world: str
    users: int | None = Field(default=None, ge=1, le=USERS_MAX)
    seed: int = Field(ge=0, le=SEED_MAX)
    replicate: int = Field(ge=0, le=REPLICATE_MAX)
    preset: str | None = None
    population: dict[str, Any]
    policies: dict[str, str]
    parameters: dict[str, Any]
    data: dict[str, Any] | None = None
    append: dict[str, Any] | None = None
    script: tuple[dict[str, Any], ...] = ()

    def digest(self) -> str:
        """Return the SHA-256 of the settings as hex digits; the order of keys does not matter."""
        text = json.dumps(self.model_dump(), sort_keys=True, separators=(",", ":"))
        return sha256(text.encode()).hexdigest()

    def section(self, prefix: str) -> dict[str, Any]:
        """Return the parameters below a path as nested mappings."""
        where = f"settings of {self.world}"
        return load_defaults().overlaid_section(prefix, self.parameters, where)


def worlds() -> list[str]:
    """Return the names of the worlds that ship with the package, sorted."""
    entries = files("feedtwin.worlds").iterdir()
    return sorted(e.name.removesuffix(".yaml") for e in entries if e.name.endswith(".yaml"))


def read_world(world: str | Path) -> tuple[str, Document]:
    """Return name and document of a world, by name or by path of a YAML file.

    Raises:
        SettingsError: No such world or file, or a key that a world does not have.
    """
    text = str(world)
    if isinstance(world, Path) or text.endswith((".yaml", ".yml")):
        name, document = Path(text).stem, _read_file(Path(text))
    elif text in worlds():
        source = (files("feedtwin.worlds") / f"{text}.yaml").read_text("utf-8")
        name, document = text, read_document(source, f"worlds/{text}.yaml")
    else:
        known = worlds()
        raise SettingsError(
            f"no world is called {text!r}{suggest(text, known)} "
            f"(there is: {', '.join(known)}; or give the path of a .yaml file)"
        )
    for key in document.values:
        if key not in _WORLD_KEYS:
            raise SettingsError(
                f"{document.at(key)}: a world has no key {key!r}{suggest(key, _WORLD_KEYS)}"
            )
    if "calibration" in document.values and text not in worlds():
        raise SettingsError(
            f"{document.at('calibration')}: only worlds of the package say what they were matched to; expected no such key here. "
            "Leave it out, and name what you fitted with a preset of `feedtwin calibrate`"
        )
    return name, document


@dataclass(frozen=True)
class Matched:
    """What a world of the package says of its own calibration.

    Attributes:
        state: What its values were matched to, one line.
        values: Those values by path.
        sources: Where each comes from, by path.
    """

    state: str
    values: Mapping[str, Any]
    sources: Mapping[str, str]


@cache
def matched_of(world: str) -> Matched | None:
    """Return what a world of the package was matched to; None for a world that was not, or a file of one's own."""
    if world not in worlds():
        return None
    values = read_world(world)[1].values
    told = values.get("calibration")
    return None if told is None else Matched(told["state"], values["parameters"], told["sources"])


def resolve(
    world: str | Path = DEFAULT_WORLD,
    users: int | None = None,
    seed: int = 0,
    replicate: int = 0,
    sets: Iterable[str] = (),
    preset: str | None = None,
    arm: Mapping[str, Any] | None = None,
    append: Mapping[str, Any] | None = None,
    script: Iterable[Mapping[str, Any]] = (),
    steps: int | None = None,
) -> Settings:
    """Return the settings of a world, every layer applied and checked.

    Args:
        world: Name of a world, or path of a YAML file.
        users: Number of users; None keeps the world's own.
        seed: Root seed, 0 to 2^32 - 1.
        replicate: Replicate, 0 to 2^20 - 1.
        sets: `path=value` texts. Besides parameters: `preset`, `policies.<lever>`, `data.<key>`.
        preset: Name or file of a preset; `preset=` among `sets` wins.
        arm: Overlay of a study's arm: `parameters` and `policies`.
        append: Users and videos to add at the end.
        script: Scripted actions, after those of the world.
        steps: Steps that will be run, where they are known: what is scripted for later is refused.

    Raises:
        SettingsError: Something is unknown, has the wrong type or is out of bounds.
    """
    name, document = read_world(world)
    values = document.values
    assigned = _assignments(sets)
    chosen = assigned.pop("preset", preset or values.get("preset"))
    chosen = None if chosen in (None, "none", "default") else str(chosen)

    parameters = load_defaults()
    fitted = None if chosen is None else read_fitted(chosen)
    if chosen is not None and fitted is None:
        layer = load_preset(chosen)
        parameters = parameters.overlay(layer.values, layer.where, layer.lines)
    parameters = parameters.overlay(
        _mapping(document, "parameters"), document.where, _inner_lines(document, "parameters")
    )
    if fitted is not None:
        parameters = _fitted(parameters, fitted, (arm or {}).get("parameters", {}), assigned)
    policies = _policies(DEFAULT_POLICIES, _mapping(document, "policies"), document.where)
    if arm is not None:
        parameters = parameters.overlay(arm.get("parameters", {}), "arm")
        policies = _policies(policies, arm.get("policies", {}), "arm")
    _check_data(data := dict(_mapping(document, "data")), document.where)
    policies = _policies(policies, _take(assigned, "policies."), "--set")
    told = _take(assigned, "data.")
    _check_data(told, "--set")
    data.update(told)
    parameters = parameters.overlay(_known(assigned, parameters), "--set")
    _check_server(parameters)

    population = _population(document)
    if fitted is not None:
        fitted.check_population(name, population["kind"])
    if data and population["kind"] != "kuairand":
        raise SettingsError(
            f"world {name}: data.path is {data['path']!r}, but this world reads no data; expected none: use the world kuairand"
        )
    if fitted is not None:
        data["preset"] = fitted.as_data(data.get("path", population.get("path")))
    if users is None:
        users = population.get("users")
    if users is None and population["kind"] == "synthetic":
        users = parameters.get("population.users")
    return _build(
        {
            "world": name,
            "users": users,
            "seed": seed,
            "replicate": replicate,
            "preset": chosen,
            "population": population,
            "policies": policies,
            "parameters": parameters.values(),
            "data": data or None,
            "append": None if append is None else dict(append),
            "script": (
                *_script(document, users, steps),
                *check_script(map(dict, script), users, lambda n: f"script, entry {n}", steps),
            ),
        }
    )


def _fitted(
    parameters: ParameterSet, fitted: FittedPreset, arm: Mapping[str, Any], sets: Mapping[str, Any]
) -> ParameterSet:
    """Lay the draw of a fitted preset that an arm, `--set` or the world asks for over the parameters."""
    path = "calibration.draw"
    asked = sets.get(path, arm.get(path, parameters.get(path)))
    draw = parameters.overlay({path: asked}, path).get(path)
    return parameters.overlay(fitted.overlay(int(draw)), fitted.preset)


def _script(document: Document, users: int | None, steps: int | None) -> tuple[dict[str, Any], ...]:
    entries = document.values.get("script")
    if entries is None:
        return ()
    if not isinstance(entries, list):
        raise SettingsError(f"{document.at('script')}: script is {entries!r}; expected a list")
    return check_script(entries, users, lambda n: document.at(f"script[{n}]"), steps)


def _build(values: dict[str, Any]) -> Settings:
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        item = error.errors()[0]
        path = ".".join(str(part) for part in item["loc"])
        raise SettingsError(f"{path} is {item['input']!r}: {item['msg']}") from None


def _read_file(path: Path) -> Document:
    try:
        return read_file(path)
    except FileNotFoundError:
        raise SettingsError(
            f"{path}: no such file; worlds by name are {', '.join(worlds())}"
        ) from None


def _mapping(document: Document, key: str) -> dict[str, Any]:
    value = document.values.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise SettingsError(f"{document.at(key)}: {key} is {value!r}; expected a mapping")
    return value


def _inner_lines(document: Document, key: str) -> dict[str, int]:
    start = f"{key}."
    return {
        path.removeprefix(start): line
        for path, line in document.lines.items()
        if path.startswith(start)
    }


def _population(document: Document) -> dict[str, Any]:
    population = dict(_mapping(document, "population"))
    kind = population.setdefault("kind", "synthetic")
    if kind not in _KINDS:
        raise SettingsError(
            f"{document.at('population.kind')}: population.kind is {kind!r} but must be one of "
            f"{', '.join(_KINDS)}{suggest(str(kind), _KINDS)}"
        )
    return population


def _policies(base: Mapping[str, str], overlay: Mapping[str, Any], where: str) -> dict[str, str]:
    merged = dict(base)
    for lever, policy in overlay.items():
        if lever not in _LEVERS:
            raise SettingsError(
                f"{where}: no lever is called {lever!r}{suggest(lever, _LEVERS)} "
                f"(there is: {', '.join(_LEVERS)})"
            )
        if policy in (None, ""):
            raise SettingsError(
                f"{where}: policies.{lever} is empty; expected the name of a {lever} policy, or module:Class. "
                "`feedtwin list policies` has all of them"
            )
        merged[lever] = str(policy)
    return merged


def _assignments(sets: Iterable[str]) -> dict[str, Any]:
    """Split `path=value` texts; a path may be set once, and not where it has an option of its own."""
    assigned: dict[str, Any] = {}
    for text in sets:
        path, value = parse_assignment(text)
        if path in assigned:
            raise SettingsError(f"--set {path}: given twice; expected one value, leave one out")
        if path in _OPTIONS:
            raise SettingsError(
                f"--set {path}: is an option of its own; use --{path} when a run starts (a fork keeps its "
                "parent's)"
            )
        assigned[path] = value
    return assigned


def _check_data(data: Mapping[str, Any], where: str) -> None:
    for key in data:
        if key not in _DATA_KEYS:
            hint = suggest(key, _DATA_KEYS) or f"; there is {', '.join(_DATA_KEYS)}"
            raise SettingsError(f"{where}: no data setting is called 'data.{key}'{hint}")


def _check_server(parameters: ParameterSet) -> None:
    """Refuse what would put the key of a model server into files: as its variable's name, or in its address.

    What cannot name a variable is not shown, for it may be the key.
    """
    if not _VARIABLE.fullmatch(str(parameters.get("llm.key_variable"))):
        raise SettingsError(
            "llm.key_variable: what was given is no name of a variable, and is not shown as it may be a key; expected "
            "letters, digits and underscores, such as FEEDTWIN_LLM_KEY. Put the key into that environment variable"
        )
    check_address(str(parameters.get("llm.base_url")))
    check_server_name(str(parameters.get("llm.server_name")))


def _take(assigned: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Remove and return the entries below a prefix, without it."""
    found = [path for path in assigned if path.startswith(prefix)]
    return {path.removeprefix(prefix): assigned.pop(path) for path in found}


def _known(assigned: dict[str, Any], parameters: Iterable[str]) -> dict[str, Any]:
    """Return the entries; raise SettingsError for one that no layer knows."""
    known = [*parameters, "preset", *(f"policies.{lever}" for lever in _LEVERS)]
    for path in assigned:
        if path not in known:
            hint = suggest(path, known) or "; see `feedtwin list parameters`"
            raise SettingsError(f"--set {path}: no setting is called {path!r}{hint}")
    return assigned


def assign(settings: Settings, sets: Iterable[str]) -> Settings:
    """Return resolved settings with `path=value` changes to parameters and policies.

    Raises:
        SettingsError: Something is unknown, has the wrong type or is out of bounds.
    """
    assigned = _assignments(sets)
    policies = _policies(settings.policies, _take(assigned, "policies."), "--set")
    if "preset" in assigned:
        raise SettingsError(
            "--set preset: a preset is chosen when a world starts; set its parameters"
        )
    parameters = load_defaults().overlay(settings.parameters, f"settings of {settings.world}")
    parameters = parameters.overlay(_known(assigned, parameters), "--set")
    _check_server(parameters)
    return settings.model_copy(update={"policies": policies, "parameters": parameters.values()})
