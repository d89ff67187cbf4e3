"""Live rooms as people live them: who opens one, who drops in, who stays, who sends a gift."""

from collections.abc import Iterator

import numpy as np
from pydantic import BaseModel, ConfigDict

from feedtwin.edges import Edges, spans
from feedtwin.numerics import exp32, log32
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import LiveState
from feedtwin.schema.ids import split_item, user_at
from feedtwin.schema.reactions import Reactions
from feedtwin.schema.requests import ActionBatch, asked
from feedtwin.twins.board import board_of
from feedtwin.twins.part import Part
from feedtwin.twins.user.choosing import best, best_of
from feedtwin.twins.user.seeking import interest_in

Array = np.ndarray


class HostConfig(BaseModel):
    """When creators open rooms, and for how long; see `parameters/live.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    starts_per_hour: list[float]
    length_steps: float


class ViewerConfig(BaseModel):
    """Who drops in, stays and gives; see `parameters/live.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    look_rate: float
    discover_rate: float
    discover_rooms: int
    taste_weight: float
    stay_steps: float
    gift_rate: float
    gift_median_microusd: int
    gift_sigma: float


class Living(Part):
    """Asks for rooms to be opened, entered, left and closed; keeps the rooms that campaigns planned."""

    name = "living"

    def __init__(
        self, hosts: HostConfig, viewers: ViewerConfig, steps_per_day: int, draws: Draws
    ) -> None:
        self._hosts, self._viewers = hosts, viewers
        self._rate = np.asarray(hosts.starts_per_hour, np.float32)
        self._steps_per_day = steps_per_day
        self._draws = draws
        self._planned = Edges()  # (creator, step)
        super().__init__(keepers={"planned": self._planned})

    def act(self, reactions: Reactions) -> Iterator[ActionBatch]:
        """Yield what hosts and viewers ask for after the slates of a step."""
        step, rooms = reactions.step, self.sight.shared["rooms"]
        yield from self._starts(step)
        row = np.nonzero(rooms.is_open == 1)[0]
        if not len(row):
            return
        row = row[np.argsort(rooms.host[row])]
        ending = step >= rooms.since[row] + self._length(rooms.item[row])
        yield asked("END_LIVE", step, user=rooms.host[row[ending]], item=rooms.item[row[ending]])
        row = row[~ending]
        yield from self._viewers_act(row, step)
        yield from self._joins(row, reactions)

    # -- hosts -----------------------------------------------------------------------------------

    def _starts(self, step: int) -> Iterator[ActionBatch]:
        """Rooms that creators open on a whim, and those planned for this hour."""
        users = self.sight.users
        hosts = self._planned.left[self._planned.right == step]
        if self._rate.any():
            creators = np.nonzero(self._rate[users.tier] > 0)[0].astype(np.uint32)
            draw = self._draws.uniform(Stream.LIVE_START, creators, step)
            hosts = np.union1d(hosts, creators[draw < self._rate[users.tier[creators]]])
        if len(hosts):
            rooms = self.sight.shared["rooms"]
            hosts = np.setdiff1d(hosts, rooms.host[rooms.is_open == 1]).astype(np.uint32)
            yield asked("START_LIVE", step, user=hosts, category=users.expertise[hosts])

    def _length(self, item: Array) -> Array:
        """Steps that each room is open: one, and an exponential rest with the mean of the rest."""
        draw = self._draws.uniform(Stream.LIVE_LENGTH, *split_item(item))
        rest = -log32(draw) * np.float32(self._hosts.length_steps - 1.0)
        return 1 + (rest + np.float32(0.5)).astype(np.int64)

    # -- viewers ---------------------------------------------------------------------------------

    def _viewers_act(self, row: Array, step: int) -> Iterator[ActionBatch]:
        """Of those in rooms that go on, some leave and some send a gift."""
        rooms, seats = self.sight.shared["rooms"], self.sight.shared["live.viewers"]
        user, host = seats.left, seats.right
        at, open_ = _place_in(rooms.host[row], host)
        user, room = user[open_], rooms.item[row[at[open_]]]
        if not len(user):
            return
        key = (user, *split_item(room), step)
        leaves = self._draws.uniform(Stream.LIVE_STAY, *key) < np.float32(
            1.0 / self._viewers.stay_steps
        )
        yield asked("LEAVE_LIVE", step, user=user[leaves], item=room[leaves])
        if self._viewers.gift_rate > 0 and self.sight.executes("SEND_GIFT"):
            gives = self._draws.uniform(Stream.LIVE_GIFT, *key) < np.float32(
                self._viewers.gift_rate
            )
            yield self._gifts(user[gives], room[gives], step)

    def _gifts(self, user: Array, room: Array, step: int) -> ActionBatch:
        host, ordinal = split_item(room)
        normal = self._draws.normal(Stream.LIVE_GIFT_SIZE, user, host, ordinal, step)
        size = exp32(np.float32(self._viewers.gift_sigma) * normal)
        amount = np.maximum(np.float32(self._viewers.gift_median_microusd) * size, np.float32(1.0))
        return asked(
            "SEND_GIFT", step, user=user, target=host, item=room,
            amount_microusd=amount.astype(np.uint64),
        )  # fmt: skip

    def _joins(self, row: Array, reactions: Reactions) -> Iterator[ActionBatch]:
        """Visitors who look at live rooms join a followee's, or perhaps a stranger's."""
        if not len(row):
            return
        config, seats = self._viewers, self.sight.shared["live.viewers"]
        user = reactions.visitors
        session = self.sight.users.session[user] - np.uint32(1)
        looks = self._draws.uniform(Stream.LIVE_LOOK, user, session) < np.float32(config.look_rate)
        looks[looks] = ~np.isin(user[looks], seats.left)  # who watches stays where they are
        user, session = user[looks], session[looks]
        item = self._of_followees(user, session, row)
        strange = (item == 0) & (
            self._draws.uniform(Stream.LIVE_DISCOVER, user, session)
            < np.float32(config.discover_rate)
        )
        item[strange] = self._of_strangers(user[strange], session[strange], row)
        yield asked("JOIN_LIVE", reactions.step, user=user[item > 0], item=item[item > 0])

    def _of_followees(self, user: Array, session: Array, row: Array) -> Array:
        """The room of a followee that each looks into, u8; 0 for none."""
        ties, rooms = self.sight.ties, self.sight.shared["rooms"]
        which, at = spans(ties.offset[user], ties.offset[user.astype(np.int64) + 1])
        followee = user_at(ties.hash[at])
        is_live = np.zeros(len(self.sight.users), bool)
        is_live[rooms.host[row]] = True
        live = is_live[followee]
        place, _ = _place_in(rooms.host[row], followee[live])
        which, item = which[live], rooms.item[row[place]]
        score = self._draws.uniform(
            Stream.LIVE_CHOICE, user[which], session[which], *split_item(item)
        )
        which, item = best_of(which, score, item)
        found = np.zeros(len(user), np.uint64)
        found[which] = item
        return found

    def _of_strangers(self, user: Array, session: Array, row: Array) -> Array:
        """Of a window of all rooms the one that interest and chance choose, u8; never one's own."""
        config, rooms = self._viewers, self.sight.shared["rooms"]
        item = rooms.item[row]
        creator, ordinal = split_item(item)
        place = self._draws.bits(Stream.LIVE_PLACE, creator, ordinal)
        board = board_of(place, item)
        entry = self._draws.bits(Stream.LIVE_ENTRY, user, session)
        shown = board.window(entry, config.discover_rooms)
        host, ordinal = split_item(shown)
        at, _ = _place_in(rooms.host[row], host)
        vectors = self.sight.topics[0][rooms.category[row[at]]]
        taste = interest_in("nd,nwd->nw", self.sight.users.interests[user], vectors)
        score = np.float32(config.taste_weight) * taste + self._draws.gumbel(
            Stream.LIVE_CHOICE, user[:, None], session[:, None], host, ordinal
        )
        return best(np.where(host == user[:, None], np.float32(-np.inf), score), shown)

    # -- handlers --------------------------------------------------------------------------------

    def on_campaign_plan_issued(self, plans: EventBatch) -> None:
        """Remember the rooms that plans foresee, by the step of their day and hour."""
        live = plans.live == 1
        today = plans.step - plans.step % self._steps_per_day
        due = today + plans.day[live].astype(np.int64) * self._steps_per_day + plans.hour[live]
        self._planned.add(plans.user[live][due >= plans.step], due[due >= plans.step])

    def on_live_state_changed(self, changed: EventBatch) -> None:
        """Forget what was planned for hours that are over."""
        if (changed.change == LiveState.STARTED).any():
            over = self._planned.right <= changed.step
            self._planned.remove(self._planned.left[over], self._planned.right[over])


def _place_in(ordered: Array, wanted: Array) -> tuple[Array, Array]:
    """Return where each wanted id is among ordered ids, and whether it is."""
    at = np.minimum(np.searchsorted(ordered, wanted), max(len(ordered) - 1, 0))
    return at, ordered[at] == wanted if len(ordered) else np.zeros(wanted.shape, bool)
