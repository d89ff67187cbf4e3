"""Factorial designs: arms from factors, whole or a regular fraction, and the contrasts that they allow."""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, product
from typing import Any, Final

from feedtwin.errors import SettingsError
from feedtwin.lab.study.plan import Arm, Contrast, Factor
from feedtwin.schema.nearest import suggest

MINUS: Final = " - "
"""What stands between the arms of a contrast."""
Refuse = Callable[[str], SettingsError]
"""Makes an error that names file and line."""


def arms_of(levels: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, Arm]:
    """Return one arm per combination of levels, first factor slowest.

    Args:
        levels: Overlay by factor and level. Where two factors set one path, the later factor's value holds.
    """
    arms = {}
    for chosen in product(*(list(found.items()) for found in levels.values())):
        names = dict(zip(levels, (level for level, _ in chosen), strict=True))
        parameters: dict[str, Any] = {}
        policies: dict[str, str] = {}
        for _, overlay in chosen:
            parameters |= overlay.get("parameters") or {}
            policies |= overlay.get("policies") or {}
        name = "/".join(names.values())
        arms[name] = Arm(name, parameters, policies, "", names)
    return arms


def fraction(
    arms: Mapping[str, Arm], factors: Sequence[Factor], generators: Sequence[str], refuse: Refuse
) -> tuple[dict[str, Arm], tuple[str, ...]]:
    """Return the regular fraction that generators choose, and what it confounds.

    Args:
        arms: The full design.
        factors: Its factors.
        generators: Texts such as "D = A*B*C" over two-level factors: D is at its first level where an even number
            of A, B and C are at their second.
        refuse: Makes errors.

    Raises:
        SettingsError: A generator is not readable, names an unknown factor or one without two levels, or two
            main effects would be one and the same number.
    """
    by_name = {factor.name: factor for factor in factors}
    words: list[frozenset[str]] = []
    kept = dict(arms)
    for text in generators:
        left, equals, right = text.partition("=")
        names = [left.strip(), *(part.strip() for part in right.split("*"))]
        if not equals or len(names) < 3 or len(set(names)) < len(names):
            raise refuse(f"fraction {text!r}: expected a generator such as D = A*B*C")
        for name in names:
            if name not in by_name:
                raise refuse(
                    f"fraction {text!r}: no factor is called {name!r}{suggest(name, by_name)}"
                )
            if len(by_name[name].levels) != 2:
                raise refuse(
                    f"fraction {text!r}: {name} has {len(by_name[name].levels)} levels; expected 2"
                )
        words.append(frozenset(names))
        kept = {
            key: arm
            for key, arm in kept.items()
            if sum(by_name[name].levels.index(arm.levels[name]) for name in names) % 2 == 0
        }
    relation = _products(words)
    for word in relation:
        if len(word) < 3:
            raise refuse(
                f"fraction: {' and '.join(sorted(word)) or 'the design'} would be one number; expected generators "
                "whose products have three factors or more"
            )
    return kept, _aliases(by_name, relation)


def _products(words: Sequence[frozenset[str]]) -> list[frozenset[str]]:
    """The defining relation: every product of defining words (symmetric differences)."""
    found = []
    for count in range(1, len(words) + 1):
        for chosen in combinations(words, count):
            word: frozenset[str] = frozenset()
            for one in chosen:
                word ^= one
            found.append(word)
    return found


def _aliases(factors: Mapping[str, Factor], relation: Sequence[frozenset[str]]) -> tuple[str, ...]:
    lines = []
    for name in factors:
        others = sorted({"*".join(sorted(word ^ {name})) for word in relation if name in word})
        if others:
            lines.append(f"the effect of {name} cannot be told from that of {', '.join(others)}")
    return tuple(lines)


def between_arms(text: str, arms: Mapping[str, Arm], refuse: Refuse) -> Contrast:
    """Return the contrast `A - B` of two arms."""
    left, minus, right = text.partition(MINUS)
    left, right = left.strip(), right.strip()
    if not minus or not left or not right:
        raise refuse(f"contrast {text!r}: expected two arms, as in {' - '.join(list(arms)[:2])!r}")
    for name in (left, right):
        if name not in arms:
            raise refuse(
                f"contrast {text!r}: no arm is called {name!r}{suggest(name, arms)} (there is: "
                f"{', '.join(arms)})"
            )
    if left == right:
        raise refuse(f"contrast {text!r}: an arm against itself; expected two arms")
    return Contrast(f"{left} - {right}", {left: 1.0, right: -1.0})


def between_levels(
    parts: Mapping[str, str], arms: Mapping[str, Arm], factors: Sequence[Factor], refuse: Refuse
) -> Contrast:
    """Return the contrast of factor levels, averaged over the factors that are not named.

    Args:
        parts: By factor, `high - low` for a difference or one level to stay at. Two differences are an
            interaction: the difference of differences.
        arms: The design's arms.
        factors: Its factors.
        refuse: Makes errors.
    """
    signs = [(name, _signs(name, str(text), factors, refuse)) for name, text in parts.items()]
    if all(len(sign) == 1 for _, sign in signs):
        raise refuse("contrast: no factor has a difference; expected `high - low` for one at least")
    weights = {}
    for arm in arms.values():
        weight = 1.0
        for name, sign in signs:
            weight *= sign.get(arm.levels[name], 0.0)
        if weight:
            weights[arm.name] = weight
    above = sum(weight > 0 for weight in weights.values())
    below = len(weights) - above
    if not above or not below:
        raise refuse("contrast: the fraction holds no arms on one of its sides; run them all")
    size = 2.0 ** (sum(len(sign) == 2 for _, sign in signs) - 1)
    balanced = {arm: size * w / (above if w > 0 else below) for arm, w in weights.items()}
    return Contrast(", ".join(f"{name}: {text}" for name, text in parts.items()), balanced)


def _signs(name: str, text: str, factors: Sequence[Factor], refuse: Refuse) -> dict[str, float]:
    """Return 1 for the high level and -1 for the low one; or 1 for the only one."""
    by_name = {factor.name: factor for factor in factors}
    if name not in by_name:
        known = ", ".join(by_name) or "none: the study has no factors"
        raise refuse(
            f"contrast: no factor is called {name!r}{suggest(name, by_name)} (there is: {known})"
        )
    known_levels = by_name[name].levels
    levels = [part.strip() for part in text.split(" - ")]
    for level in levels:
        if level not in known_levels:
            raise refuse(
                f"contrast {name}: {text!r}: {name} has no level {level!r}{suggest(level, known_levels)} "
                f"(there is: {', '.join(known_levels)})"
            )
    if len(levels) > 2 or (len(levels) == 2 and levels[0] == levels[1]):
        raise refuse(f"contrast {name}: {text!r}: expected two different levels")
    return dict(zip(levels, (1.0, -1.0), strict=False))


def default_contrasts(
    arms: Mapping[str, Arm], base: str, factors: Sequence[Factor], refuse: Refuse
) -> list[Contrast]:
    """Return every arm against the base; for a design, every level against its factor's first."""
    if not factors:
        return [between_arms(f"{name} - {base}", arms, refuse) for name in arms if name != base]
    return [
        between_levels({factor.name: f"{level} - {factor.levels[0]}"}, arms, factors, refuse)
        for factor in factors
        for level in factor.levels[1:]
    ]
