"""The Interaction twin: keeps only the parameters of an encounter and resolves slates into outcomes.

It owns no column. What it needs of users and items it reads from their frozen tables, and what happens
it returns as `Outcomes`. Source: INT-1, INT-9.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from feedtwin.columns import FrozenColumns
from feedtwin.kernels.binding import Kernels
from feedtwin.policies.interface import BehaviourPolicy
from feedtwin.randomness import Draws
from feedtwin.schema.batches import Outcomes, SlateBatch
from feedtwin.twins.hot import run
from feedtwin.twins.interaction.behaving import ITEM_FEATURES, USER_FEATURES, behave
from feedtwin.twins.interaction.columns import FittedColumns
from feedtwin.twins.interaction.encounter import encounter_reference
from feedtwin.twins.interaction.fitted import fitted_reference

_SCALARS = (
    "skip_intercept", "skip_hook", "hook_floor", "hook_centre", "skip_span", "span_floor_s",
    "span_centre", "skip_match", "skip_noise", "match_centre", "watch_match", "watch_quality",
    "watch_sigma", "loops_max", "engage_completion", "engage_match", "like_quality",
    "share_virality", "label_like", "label_share",
)  # fmt: skip
"""Encounter parameters that the kernel reads; the others choose what it reads."""


_FITTED_SCALARS = ("skip_match", "index_match", "engage_match", "label_like", "label_share")
"""Those that act in the fitted form."""
_SESSION = ("stamina_s", "patience", "energy", "boredom", "satisfaction", "session_impressions")
_USER = ("attention_span_s", "like_logit", "share_logit", "comment_logit", "follow_logit")
_ITEM = ("category", "hook_strength", "quality", "virality", "completion_prior")
"""Columns that only the equations read."""


class InteractionConfig(BaseModel):
    """Encounter parameters; meanings, units and sources in `parameters/interaction.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    form: str
    skip_intercept: float
    skip_hook: float
    hook_floor: float
    hook_centre: float
    skip_span: float
    span_floor_s: float
    span_centre: float
    skip_match: float
    skip_noise: float
    match_centre: float
    watch_match: float
    watch_quality: float
    watch_sigma: float
    loops_max: float
    engage_completion: float
    engage_match: float
    index_match: float
    like_quality: float
    share_virality: float
    match_source: str
    skip_intercept_from: str
    skip_target: float
    label_like: float
    label_share: float
    w_visual: float
    w_audio: float
    w_text: float
    w_compact: float
    caption_channel: float
    skip_events: str

    def scalars(self) -> dict[str, np.float32]:
        """The numbers that the kernel takes."""
        numbers = self.model_dump(include=set(_SCALARS))
        scalars = {name: np.float32(value) for name, value in numbers.items()}
        scalars["watch_sigma_half_square"] = np.float32(0.5 * self.watch_sigma**2)
        return scalars

    def fitted_scalars(self, half_way: float) -> dict[str, np.float32]:
        """The numbers that the kernel of the fitted form takes."""
        scalars = {name: np.float32(getattr(self, name)) for name in _FITTED_SCALARS}
        return {**scalars, "half_way": np.float32(half_way)}


class InteractionTwin:
    """Resolves encounters; a pure function of frozen tables, slates and keyed draws."""

    def __init__(
        self,
        config: InteractionConfig,
        draws: Draws,
        kernels: Kernels,
        behaviour: BehaviourPolicy | None = None,
        fitted: FittedColumns | None = None,
    ) -> None:
        """Build the twin; columns of a fit take the place of the equations, and a behaviour that of both."""
        self.config = config
        self._fitted = fitted
        self._behaviour = behaviour
        self._draws = draws
        self._kernels = kernels
        self.parts: tuple[Any, ...] = (self,)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Nothing to unlock: this twin owns no column."""
        yield

    def resolve(
        self,
        slates: SlateBatch,
        users: FrozenColumns,
        items: FrozenColumns,
        match: tuple[np.ndarray, np.ndarray],
        traits: np.ndarray,
        session: Mapping[str, Any],
    ) -> Outcomes:
        """Let every user meet their slate until they stop.

        Args:
            slates: What was served, R requests of S slots.
            users: Frozen user columns.
            items: Frozen item columns.
            match: The vectors interests are matched against, int8 (V, D), and their factors (V,).
            traits: What categories do to an encounter, float32 (K, traits); see `schema.traits`.
            session: The session rule's scalars, published by the User twin.
        """
        rows, slots = slates.item.shape
        out: dict[str, Any] = {
            "flags": np.zeros((rows, slots), np.uint8),
            "watch_ms": np.zeros((rows, slots), np.uint32),
            "completion": np.zeros((rows, slots), np.float32),
            "reached_count": np.zeros(rows, np.uint8),
        }
        arrays: dict[str, np.ndarray] = {
            "user": slates.user,
            "row": slates.row,
            "meeting": slates.meeting,
            "served_count": slates.served_count,
            **{name: getattr(users, name) for name in ("interests", *_SESSION)},
            **{
                name: getattr(items, name) for name in ("creator", "ordinal", "label", "duration_s")
            },
            "match_vectors": match[0],
            "match_inv_norm": match[1],
            **out,
        }
        scalars: dict[str, Any] = {
            **session,
            "seed": self._draws.root_seed,
            "key_base": self._draws.replicate << 12,
        }
        if self._behaviour is None and self._fitted is not None:
            arrays |= self._fitted.arrays(items, slates.step)
            scalars |= self.config.fitted_scalars(self._fitted.tables.half_way)
            run(self._kernels, "encounter_fitted", fitted_reference, arrays, scalars, rows)
        else:
            arrays |= {name: getattr(users, name) for name in _USER}
            arrays |= {name: getattr(items, name) for name in _ITEM}
            arrays["traits"] = traits
            scalars |= self.config.scalars()
            self._by_equations(arrays, scalars, users, items, slates.step, rows)
        return Outcomes(
            step=slates.step,
            user=slates.user,
            request=slates.request,
            item=slates.item,
            row=slates.row,
            doubled=self.config.skip_events == "both",
            **out,
        )

    def _by_equations(
        self,
        arrays: dict[str, np.ndarray],
        scalars: dict[str, Any],
        users: FrozenColumns,
        items: FrozenColumns,
        step: int,
        rows: int,
    ) -> None:
        if self._behaviour is None:
            run(self._kernels, "encounter", encounter_reference, arrays, scalars, rows)
            return
        more = {name: getattr(users, name) for name in USER_FEATURES}
        more |= {name: getattr(items, name) for name in ITEM_FEATURES}
        a = SimpleNamespace(**{**more, **arrays, **scalars, "step": step})
        behave(self._behaviour, a, rows)
