"""Settings over time: a run starts under one setting and may continue under others (a fork).

State = f(segments, seed, journal): re-execution builds the world of the first segment and swaps the
parts, keeping the state, where the next one begins.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from feedtwin.errors import DeterminismError, SettingsError
from feedtwin.kernels.binding import Kernels
from feedtwin.schema.settings import Settings
from feedtwin.world.build import build
from feedtwin.world.counsel import Counsel
from feedtwin.world.market import channels_of
from feedtwin.world.world import World

FIXED = ("world", "users", "seed", "replicate", "population", "data", "append")
"""Settings that make the initial state; a fork cannot change them."""
FIXED_SECTIONS = ("population", "archetypes", "personas", "kuairand_fit", "market")
FIXED_PARAMETERS = (
    "platform.seen_size", "content.category_code", "content.hashtags_per_category",
    "content.sounds", "content.caption_teaser", "interaction.match_source", "user.uploads_per_day",
    "calibration.draw",
)  # fmt: skip
"""Parameters that only act when a world is built, or shape its columns."""
FIXED_BELOW = ("llm.persona.", "llm.persona_")
"""Parameters of who people are: one for a whole run, those who sign up during it included."""


@dataclass(frozen=True)
class Segment:
    """Settings in force from a step on."""

    from_step: int
    settings: Settings

    def as_json(self) -> dict[str, Any]:
        """Return what the journal keeps."""
        return {"from_step": self.from_step, "settings": self.settings.model_dump()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Segment":
        """Read back what the journal keeps."""
        return cls(int(value["from_step"]), Settings.model_validate(value["settings"]))


def check_change(before: Settings, after: Settings) -> None:
    """Refuse a fork that changes what only the initial state can express.

    Raises:
        SettingsError: names the setting.
    """
    for name in FIXED:
        if getattr(before, name) != getattr(after, name):
            raise SettingsError(
                f"fork: {name} cannot change in a running world (it was {getattr(before, name)!r}, now "
                f"{getattr(after, name)!r}); start another run instead"
            )
    if channels_of(before) != channels_of(after):
        raise SettingsError(
            f"fork: policies.monetization cannot open or close channels in a running world (it was "
            f"{before.policies['monetization']}, now {after.policies['monetization']}); start another run "
            "with money from its beginning, and fork that: monetization.ad_load=0 and spending.gift_rate=0 "
            "silence channels that are open"
        )
    for path, value in after.parameters.items():
        fixed = path in FIXED_PARAMETERS or path.partition(".")[0] in FIXED_SECTIONS
        is_persona = path.startswith(FIXED_BELOW)
        if (fixed or is_persona) and before.parameters.get(path) != value:
            when = "says who people are" if is_persona else "acts only when a world is built"
            raise SettingsError(
                f"fork: {path} {when} (it was "
                f"{before.parameters.get(path)!r}, now {value!r}); start another run instead"
            )


def begin(
    segments: Sequence[Segment], kernels: Kernels, counsel: Counsel | None = None, **options: Any
) -> World:
    """Return the world of the first segment at step 0; `counsel` answers what it asks of language models."""
    return build(segments[0].settings, kernels, counsel, **options)


def enter(world: World, segments: Sequence[Segment], kernels: Kernels, **options: Any) -> World:
    """Return the world whose settings are in force at its next step, with the same state."""
    begun = [one for one in segments if one.from_step <= world.step_count]
    current = begun[-1]
    if current.settings != world.settings:
        successor = build(current.settings, kernels, world.counsel, **options)
        successor.load_state(world.state(), world.step_count, world.digest)
        successor.recorder = world.recorder
        world = successor
    if len(begun) > 1 and current.from_step == world.step_count:
        world.counsel.follow(world, begun[-2].settings)
    return world


def advance(
    world: World,
    segments: Sequence[Segment],
    kernels: Kernels,
    to_step: int,
    expected: Callable[[int], str | None] = lambda step: None,
    on_step: Callable[[World], None] = lambda world: None,
    **options: Any,
) -> World:
    """Execute until `to_step` steps are done, checking digests where one is expected.

    Args:
        world: Where to start from.
        segments: Settings over time.
        kernels: The kernels to use.
        to_step: Steps done at the end.
        expected: Digest (hexadecimal) the journal has for a step, or None.
        on_step: Called after each step.
        options: Passed to worlds that are built on the way, as in `begin`.

    Raises:
        DeterminismError: A step's digest differs from the journal's.
    """
    while world.step_count < to_step:
        world = enter(world, segments, kernels, **options)
        step = world.step_count
        world.step()
        known = expected(step)
        if known is not None and known != world.digest.hex():
            raise DeterminismError(
                f"journal, commit of step {step}: re-execution gives digest {world.digest.hex()[:16]}, "
                f"the journal has {known[:16]}; expected the same. The code or a data file is not the "
                "one that made this run (see code_hash in manifest.json)"
            )
        on_step(world)
    return enter(world, segments, kernels, **options)
