"""Which models are left alone for a while, because they did not answer.

A *way* is a model at an address. Within a step a way that was silent is not asked again. After
`llm.silence_max` silent steps in a row it is left alone for 1, 2, 4 ... steps, at most `llm.pause_max`; then one
request tries it. Steps are counted, not seconds, and what was heard is in the journal: a run that resumes leaves
alone whom it would have left alone.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from feedtwin.llm.clients import Heard
from feedtwin.llm.records import StepInputs
from feedtwin.llm.settings import LlmSettings

_DOUBLINGS_MAX: Final = 40
"""Where a pause stops doubling; beyond any number of steps."""


class Breaker:
    """What is known of each way."""

    def __init__(self, settings: LlmSettings, past: Mapping[int, StepInputs]) -> None:
        """Bind the settings and what the journal holds already, by step."""
        self._silence_max, self._pause_max = settings.silence_max, settings.pause_max
        self._heard = {step: list(inputs.heard) for step, inputs in past.items() if inputs.heard}
        self._silent_steps: dict[str, int] = {}
        self._asked_again_at: dict[str, int] = {}
        self._proven: set[str] = set()
        self._down: set[str] = set()
        self._step = -1

    def begin(self, step: int) -> None:
        """Begin a step; what was heard in those before it decides."""
        for one in sorted(self._heard):
            if one < step:
                self._close(one, self._heard.pop(one))
        self._step, self._down = step, set()
        for way, what in self._heard.get(step, ()):  # of a step that was cut short
            self._learn(way, what)

    def note(self, heard: Sequence[tuple[str, int]]) -> None:
        """Take what a batch of calls said of some ways."""
        for way, what in heard:
            self._heard.setdefault(self._step, []).append((way, what))
            self._learn(way, what)
            if what == Heard.SILENT:
                self._down.add(way)

    def is_proven(self, way: str) -> bool:
        """Whether a way has ever answered in this run."""
        return way in self._proven

    def is_left_alone(self, way: str) -> bool:
        """Whether a way is not to be asked now."""
        return way in self._down or self._step < self._asked_again_at.get(way, 0)

    def is_on_trial(self, way: str) -> bool:
        """Whether a way that may be asked gets one request first."""
        return self._silent_steps.get(way, 0) >= self._silence_max

    def _learn(self, way: str, what: int) -> None:
        if what == Heard.ANSWERED:
            self._proven.add(way)
        if what != Heard.SILENT:
            self._silent_steps.pop(way, None)
            self._asked_again_at.pop(way, None)

    def _close(self, step: int, heard: Sequence[tuple[str, int]]) -> None:
        """Count a step: a way is silent in it if the last that was heard of it is silence."""
        for way, what in heard:
            self._learn(way, what)
        for way, what in dict(heard).items():
            if what == Heard.SILENT:
                silent = self._silent_steps.get(way, 0) + 1
                self._silent_steps[way] = silent
                if silent >= self._silence_max:
                    doubled = 1 << min(silent - self._silence_max, _DOUBLINGS_MAX)
                    self._asked_again_at[way] = step + 1 + min(doubled, self._pause_max)
