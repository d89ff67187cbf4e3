"""`--live`: a study's stand-ins give way to a language model, as the `live` part of its file says."""

from collections.abc import Mapping
from pathlib import Path

from feedtwin.errors import SettingsError
from feedtwin.lab.study.file_schema import LivePart, OverlayPart, StudyFile
from feedtwin.schema.nearest import suggest
from feedtwin.schema.yaml_reader import Document

Overlays = Mapping[str, OverlayPart]


def enlivened(raw: StudyFile, document: Document) -> StudyFile:
    """Return the study in which a language model is asked, under a name of its own.

    Policies with a stand-in become those that ask, in every arm and level; arms and levels that the part spells
    out take the place of their namesakes.

    Raises:
        SettingsError: The file has no `live` part, or the part names an arm, factor or level that there is not.
    """
    if raw.live is None:
        raise SettingsError(
            f"{document.where}: --live: this study asks no language model; expected a `live` part that says which "
            "stand-ins give way"
        )
    given = raw.live
    _check_names(given.arms, raw.arms, "arm", "live.arms", document)
    _check_names(given.factors, raw.factors, "factor", "live.factors", document)
    for name, levels in given.factors.items():
        own = raw.factors[name]
        _check_names(levels, own, f"level of {name}", f"live.factors.{name}", document)
    return raw.model_copy(
        update={
            "name": f"{raw.name or Path(document.where).stem}-live",
            "arms": _asking(raw.arms, given.arms, given),
            "factors": {
                name: _asking(levels, given.factors.get(name, {}), given)
                for name, levels in raw.factors.items()
            },
        }
    )


def _asking(parts: Overlays, instead: Overlays, given: LivePart) -> dict[str, OverlayPart]:
    return {name: instead.get(name) or _with_policies(one, given) for name, one in parts.items()}


def _with_policies(part: OverlayPart, given: LivePart) -> OverlayPart:
    """Put the policies that ask a language model where the stand-ins are, and say who is asked."""
    policies = {
        lever: given.policies.get(lever, {}).get(policy, policy)
        for lever, policy in part.policies.items()
    }
    if policies == part.policies:
        return part
    return part.model_copy(
        update={"policies": policies, "parameters": {**part.parameters, **given.parameters}}
    )


def _check_names(
    told: Mapping[str, object], known: Mapping[str, object], what: str, path: str, document: Document
) -> None:  # fmt: skip
    for name in told:
        if name not in known:
            raise SettingsError(
                f"{document.at(f'{path}.{name}')}: no {what} is called {name!r}{suggest(name, known)} (there is: "
                f"{', '.join(known) or 'none'})"
            )
