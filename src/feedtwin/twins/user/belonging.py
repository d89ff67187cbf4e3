"""Who belongs: days away, leaving for good, and people who sign up during a run.

Loyalty, a slow mean of how sessions satisfied, lowers both the chance to stay away for a day and the hazard to
leave, by one proportional form: rate x exp(slope x (start - loyalty)). Prospects are rows from the start that
belong to nobody until they sign up. Source: USR-13 (next-day return), spec 1.4 (SIGNUP, DO_NOTHING).
"""

from collections.abc import Iterator

import numpy as np

from feedtwin.numerics import exp32
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.batches import Batch
from feedtwin.schema.codes import SocialActivityKind
from feedtwin.schema.reactions import Reactions
from feedtwin.schema.requests import ActionBatch, asked
from feedtwin.twins.part import Part
from feedtwin.twins.social import activity
from feedtwin.twins.user.config import UserConfig

NOT_YET, MEMBER, LEFT = 0, 1, 2
"""Codes of `users.member`."""


class Belonging(Part):
    """Decides who stays away, who leaves and who joins; the User twin writes it down."""

    name = "belonging"

    def __init__(self, config: UserConfig, prospects: np.ndarray, draws: Draws) -> None:
        """Build the part; `prospects` u4 are the ids of those who may sign up."""
        super().__init__()
        self.config = config
        self._prospects = prospects
        self._draws = draws
        self._held_back = prospects[:0]

    def _chance(self, rate: float, user: np.ndarray) -> np.ndarray:
        config = self.config
        shortfall = np.float32(config.loyalty_start) - self.sight.users.loyalty[user]
        return np.float32(rate) * exp32(np.float32(config.loyalty_slope) * shortfall)

    def come(self, user: np.ndarray, step: int) -> np.ndarray:
        """Return those of `user`, who would open the app now, that do not stay away today."""
        self._held_back = user[:0]
        if self.config.away_rate <= 0:
            return user
        day = step // self.config.steps_per_day
        away = self._draws.uniform(Stream.AWAY, user, day) < self._chance(
            self.config.away_rate, user
        )
        self._held_back = user[away]
        return user[~away]

    def due(self, step: int) -> Iterator[Batch]:
        """Yield who leaves for good at the end of a day."""
        config = self.config
        if step == 0 or step % config.steps_per_day or config.leave_rate <= 0:
            return
        users = self.sight.users
        everybody = np.arange(len(users), dtype=np.uint32)
        user = everybody[(users.member == MEMBER) & (users.activity > 0)]
        draw = self._draws.uniform(Stream.LEAVE, user, step // config.steps_per_day)
        leaving = user[draw < self._chance(config.leave_rate, user)]
        yield activity(users, step, SocialActivityKind.LEFT_PLATFORM, leaving)

    def act(self, reactions: Reactions) -> Iterator[ActionBatch]:
        """Yield who stays away though the hour was theirs, and who signs up."""
        config, step = self.config, reactions.step
        yield asked("DO_NOTHING", step, user=self._held_back)
        if len(self._prospects):
            waiting = self._prospects[self.sight.users.member[self._prospects] == NOT_YET]
            hazard = np.float32(config.signup_rate / config.steps_per_day)
            joins = self._draws.uniform(Stream.SIGNUP, waiting, step) < hazard
            yield asked("SIGNUP", step, user=waiting[joins])

    def do_do_nothing(self, wish: ActionBatch) -> list[Batch]:
        """Nothing follows: nobody came, and no event says so."""
        return []

    def do_signup(self, wish: ActionBatch) -> list[Batch]:
        """Let prospects in; everybody else is a member already, has left, or is nobody."""
        user = np.intersect1d(wish.user, self._prospects)
        user = user[self.sight.users.member[user] == NOT_YET]
        return [activity(self.sight.users, wish.step, SocialActivityKind.SIGNED_UP, user)]
