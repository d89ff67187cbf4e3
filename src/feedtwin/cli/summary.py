"""What a run prints at its end, for people and as JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from feedtwin.cli.terminal import quantity, say, shell, size, span, usd

if TYPE_CHECKING:
    from feedtwin.lab.language import LanguageUse
    from feedtwin.lab.metrics import Reading
    from feedtwin.lab.run_data import RunData
    from feedtwin.world.running import Finished


class Summary:
    """A run folder's manifest and metrics, ready to be printed."""

    def __init__(self, finished: "Finished", *, headlines_only: bool) -> None:
        """Read a run; headlines alone need no look at its log, which may be large."""
        from feedtwin.lab.language import language_use
        from feedtwin.lab.metrics import measure, warnings_of
        from feedtwin.lab.run_data import read_run
        from feedtwin.lab.scripted import scripted
        from feedtwin.record.folder import read_manifest
        from feedtwin.record.reader import Run

        self.finished = finished
        self.manifest: dict[str, Any] = read_manifest(finished.path)
        data = read_run(finished.path)
        self.readings: dict[str, Reading] = measure(data, headlines_only=headlines_only)
        self.encounters = data["impressions"]
        self.horizon = data.steps
        self.notes = data.notes
        self.people = _people(self.manifest, data)
        self.warnings = warnings_of(self.readings)
        self.language: LanguageUse | None = language_use(finished.path)
        self.script = scripted(Run.open(finished.path))

    @property
    def encounters_per_s(self) -> float:
        """Encounters per second of this session of the run, journal and log included."""
        return self.finished.impressions / max(self.finished.wall_s, 1e-9)

    def as_json(self, **more: object) -> dict[str, object]:
        """Return the object that `--json` prints."""
        finished, manifest = self.finished, self.manifest
        return {
            "run_dir": str(finished.path),
            "digest": finished.digest,
            "interrupted": finished.interrupted,
            "world": manifest["world"],
            "seed": manifest["seed"],
            "replicate": manifest["replicate"],
            "steps": finished.steps,
            "steps_done": finished.steps_done,
            "log": manifest["log"],
            "encounters": self.encounters,
            "encounters_per_s": self.encounters_per_s,
            "wall_s": finished.wall_s,
            "users": self.people,
            "creator_accounts": manifest["users"] - manifest["people"],
            "videos": manifest["videos_at_start"],
            **more,
            "calibration": manifest["calibration"],
            "notes": manifest["notes"],
            "warnings": [*self.warnings, *self.notes],
            "messages": list(finished.messages),
            **({} if self.language is None else {"language_models": self.language.as_json()}),
            "script": None if self.script is None else vars(self.script),
            "metrics": {
                name: {
                    "value": reading.value,
                    "unit": reading.metric.unit,
                    **({"undefined": reading.why} if reading.why else {}),
                }
                for name, reading in self.readings.items()
            },
        }

    def print_metrics(self) -> None:
        """Print the headline metrics that this run has, one line each, family by family."""
        say()
        say(f"What happened in {span(self.horizon)}", style="bold")
        family = ""
        for reading in self.readings.values():
            one = reading.metric
            if not one.headline or reading.value is None:
                continue
            title = one.family.capitalize() if one.family != family else ""
            family = one.family
            say(f"  {title:<15}{one.label:<37}{quantity(reading.value, one.unit):>18}")
        if self.language is not None:
            _print_language(self.language)
        say(f"single run: no interval; all metrics: {shell('metrics', self.finished.path)}")
        for warning in (*self.warnings, *self.notes):
            say(f"warning: {warning}", style="yellow")

    def print_end(self, after: Sequence[str]) -> None:
        """Print how fast it went, what was written and what to do next.

        Args:
            after: Commands to try next, where the run is complete.
        """
        finished, path = self.finished, self.finished.path
        say()
        say(
            f"{finished.impressions:,} encounters in {finished.wall_s:.1f} s: "
            f"{self.encounters_per_s:,.0f} encounters/s"
        )
        if self.script is not None:
            say(f"script  {self.script}")
        for message in finished.messages:
            say(f"note    {message}")
        say(f"digest  {finished.digest}")
        say(f"wrote   {path} ({size(path)})")
        if finished.interrupted:
            return
        for k, command in enumerate(after):
            say(f"{'' if k else 'next':<8}{command}")


def _print_language(use: "LanguageUse") -> None:
    """Print who answered, what it cost and how the budget went."""
    for k, (name, one) in enumerate(use.tasks.items()):
        mix = ", ".join(
            f"{number} {source}"
            for source, number in (
                ("live", one.live), ("cached", one.cached), ("by rule", one.surrogate),
                ("degraded", one.degraded),
            )
            if number
        )  # fmt: skip
        money = f"{usd(one.charged_microusd)} charged, {usd(one.paid_microusd)} paid"
        say(f"  {'Models' if k == 0 else '':<15}{name:<22}{mix}; {money}")
        if name in use.reasons:
            why = ", ".join(f"{number} {reason}" for reason, number in use.reasons[name].items())
            say(f"  {'':<37}degraded: {why}")
    share = use.charged_microusd / max(use.budget_microusd, 1)
    gone: dict[str, int] = {}
    for step, part in use.by_quarter:
        gone.setdefault(f"{part:.1%}", step)
    told = ", ".join(f"{part} by the end of step {step}" for part, step in gone.items())
    burn = f" ({told})" if len(gone) > 1 else ""  # one share says no more than the line does
    say(f"  {'':<15}{'budget':<22}{share:.1%} of {usd(use.budget_microusd)} charged{burn}")
    if use.disputed_microusd:
        say(
            f"warning: provider overrun, {usd(use.disputed_microusd)} claimed above what was reserved",
            style="yellow",
        )


def commands_after_run(finished: "Finished", log: str) -> list[str]:
    """Return what to try on a complete run: replay it, fork it in the middle, query it."""
    path, at = finished.path, str(finished.steps_done // 2)
    change = "policies.recommendation=popularity"
    commands = [shell("replay", path), shell("fork", path, "--at", at, "--set", change)]
    if log == "full":
        query = "select step, count(*) from video_watched group by 1"
        commands.append(shell("sql", path, query))
    return commands


def _people(manifest: dict[str, Any], data: "RunData") -> int:
    """Users who may open the app; the others are accounts that only upload."""
    if data.users:
        return int((data.users["activity"] > 0).sum())
    return int(manifest["settings"]["users"] or manifest["users"])
