"""Does a policy keep its contract? Tiny worlds ask it everything, and ask again.

What is checked: that it can be found, made and asked; that its answers have the shapes, types and bounds that
the platform holds every policy to at every step (`twins/platform/feed/asking.py`), also where there is hardly
anything to choose from; that it neither writes nor reads what is not its own; that equal worlds get equal
answers; and that it remembers nothing, so that a run can be resumed.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from feedtwin.errors import FeedtwinError, PolicyError, SettingsError
from feedtwin.kernels.binding import Kernels, load
from feedtwin.policies.interface import CONTRACTS, REGISTRIES, PolicyEntry, entry_of
from feedtwin.policies.making import missing, required
from feedtwin.schema.nearest import suggest
from feedtwin.schema.settings import Settings, resolve
from feedtwin.world.build import build
from feedtwin.world.counsel import ASKED_BY_LEVERS
from feedtwin.world.world import World

STEPS = 10
USERS = 60
SEED = 5

_TINY = (
    "user.impressions_max=14", "user.uploads_per_day=[6,3,1,0]",
    "population.tier_shares=[0.02,0.05,0.13,0.8]", "recommendation.slate_size=5",
    "platform.seen_size=64", "platform.no_repeat=10", "promotion.initial_audience=5",
    "promotion.expanded_audience=20", "promotion.velocity_gate=5", "promotion.viral_steps=3",
)  # fmt: skip
WORLDS: dict[str, tuple[str, ...]] = {
    "a usual world": _TINY,
    "no chance, one slot": (
        *(text for text in _TINY if not text.startswith("recommendation.slate_size")),
        "recommendation.temperature=0", "recommendation.slate_size=1",
    ),
    "hardly any videos": (*_TINY, "population.videos_per_user=0.05"),
    "no videos": (
        *(text for text in _TINY if not text.startswith("user.uploads_per_day")),
        "user.uploads_per_day=[0,0,0,0]", "population.videos_per_user=0",
    ),
}  # fmt: skip
"""Settings of the worlds that a policy is tried in, by name."""


@dataclass(frozen=True)
class Finding:
    """One thing that was checked, and what was found."""

    check: str
    ok: bool
    found: str


@dataclass(frozen=True)
class Report:
    """What was found out about a policy."""

    policy: str
    lever: str
    name: str
    asked: tuple[str, ...]
    """Signatures of the methods that its contract asks for."""
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether the contract is kept."""
        return all(finding.ok for finding in self.findings)

    @property
    def text(self) -> str:
        """The report for people, several lines."""
        lines = [
            f"policy  {self.policy}: {self.name!r}, lever {self.lever}",
            f"asked   {', '.join(self.asked)}",
        ]
        lines += [f"{'ok' if f.ok else 'FAILS':<8}{f.check}: {f.found}" for f in self.findings]
        return "\n".join(lines)


def check_policy(spec: str, kernels: Kernels | None = None) -> Report:
    """Hold a policy of any lever to its contract.

    Args:
        spec: `module:Class`, a listed name, or an entry point; `policies.<lever>=` before it names the lever.
        kernels: What computes the worlds; the best there is by default.

    Returns:
        The report, where everything is in order.

    Raises:
        PolicyError: The contract is broken; the message is the whole report.
        SettingsError: Nothing has that name.
    """
    report = examine_policy(spec, kernels)
    if not report.ok:
        raise PolicyError(f"the contract is broken\n{report.text}")
    return report


def examine_policy(spec: str, kernels: Kernels | None = None) -> Report:
    """Return what `check_policy` finds, broken or not."""
    entry = find_entry(spec)
    kernels = kernels or load("auto")
    contract = CONTRACTS[entry.lever]
    asked = tuple(f"{name}{_arguments(getattr(contract, name))}" for name in required(entry.lever))
    lacking = missing(entry.factory, entry.lever)
    methods_found = "all are there" if not lacking else f"{', '.join(lacking)} not there"
    findings = [Finding("methods", not lacking, methods_found)]
    if not lacking:
        for name, sets in WORLDS.items():
            sets = (*sets, f"policies.{entry.lever}={_parts(spec)[1]}")
            if hasattr(entry.factory, "consult"):  # it asks a language model: here its stand-in
                sets += (f"llm.{ASKED_BY_LEVERS[entry.lever]}.source=surrogate",)
            settings = resolve("synthetic", USERS, SEED, sets=sets)
            findings += _tried(name, settings, kernels)
    return Report(spec, entry.lever, entry.name, asked, tuple(findings))


def find_entry(spec: str) -> PolicyEntry:
    """Return the entry of a policy, whose lever need not be known beforehand.

    Args:
        spec: `module:Class`, a listed name, or `policies.<lever>=` before either.

    Raises:
        SettingsError: Nothing has that name, or several levers have it.
        PolicyError: It is no policy.
    """
    lever, name = _parts(spec)
    if lever:
        return entry_of(lever, name)
    listed = {one: registry.names() for one, registry in REGISTRIES.items()}
    levers = [one for one, names in listed.items() if name in names]
    if not levers and ":" in name:
        found = getattr(REGISTRIES["recommendation"].factory(name), "entry", None)
        if not isinstance(found, PolicyEntry):
            raise PolicyError(
                f"{name} is no policy of any lever; expected a class decorated with "
                "@policy(LEVER, NAME, section=...) from feedtwin.policies.interface"
            )
        levers = [found.lever]
    if not levers:
        known = "; ".join(f"{one}: {', '.join(names)}" for one, names in listed.items())
        every = sorted({name for names in listed.values() for name in names})
        raise SettingsError(
            f"no policy is called {name!r}{suggest(name, every)} (there is: {known}; or give module:Class)"
        )
    if len(levers) > 1:
        choices = " or ".join(f"policies.{one}={name}" for one in levers)
        raise SettingsError(
            f"{name!r} is a policy of {' and of '.join(levers)}; expected one of them: {choices}"
        )
    return entry_of(levers[0], name)


def _parts(spec: str) -> tuple[str, str]:
    """Return lever and name of `policies.<lever>=<name>`; no lever where only a name is given."""
    setting, equals, name = spec.partition("=")
    if not equals:
        return "", spec
    lever = setting.removeprefix("policies.")
    if lever not in REGISTRIES:
        raise SettingsError(
            f"{spec}: no lever is called {lever!r}{suggest(lever, REGISTRIES)} "
            f"(there is: {', '.join(REGISTRIES)})"
        )
    return lever, name


def _arguments(method: Callable[..., object] | property) -> str:
    if isinstance(method, property):
        return ""
    names = [name for name in inspect.signature(method).parameters if name != "self"]
    return f"({', '.join(names)})"


def _tried(name: str, settings: Settings, kernels: Kernels) -> Iterator[Finding]:
    """Yield what one world finds; a policy that fails in it is not tried further there."""
    half = STEPS // 2
    straight = _chain(settings, kernels, (STEPS,))
    if isinstance(straight, str):
        yield Finding(name, False, straight)
        return
    yield Finding(name, True, f"{STEPS} steps, {straight.impressions:,} impressions")
    for what, steps, advice in (
        (
            "asked again",
            (STEPS,),
            "a policy is a function of what it is shown: no clock, no chance",
        ),
        ("resumed", (half, STEPS - half), "a policy keeps nothing between two questions"),
    ):
        other = _chain(settings, kernels, steps)
        if isinstance(other, str):
            found = other
        elif other.digest == straight.digest:
            yield Finding(f"{name}, {what}", True, "the same answers")
            continue
        else:
            found = f"other answers; {advice}"
        yield Finding(f"{name}, {what}", False, found)
        return


@dataclass(frozen=True)
class _Ran:
    digest: str
    impressions: int


def _chain(settings: Settings, kernels: Kernels, parts: tuple[int, ...]) -> _Ran | str:
    """Run a world in parts, each with a policy that is made anew; return where it ends, or what went wrong."""
    world: World | None = None
    try:
        for steps in parts:
            before, world = world, build(settings, kernels)
            if before is not None:
                world.load_state(before.state(), before.step_count, before.digest)
            for _ in range(steps):
                world.step()
    except FeedtwinError as error:
        return str(error)
    except Exception as error:  # foreign code: what it raises is its author's to mend
        when = "making it" if world is None else f"step {world.step_count}"
        return f"{when} raised {type(error).__name__}: {error}"
    assert world is not None
    return _Ran(world.digest.hex(), world.platform.telemetry.as_dict()["impressions"])
