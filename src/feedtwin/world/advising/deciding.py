"""LLM-driven users: what they do about what they saw, one option out of those that the rules allow.

The rules' wishes of a cohort's visitors and some more that are possible become options. Where a model answers,
its choice takes the place of all that the rules wished; where a stand-in does, the rules' wishes stand.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from feedtwin.llm.task import Ask, task
from feedtwin.llm.tasks.decision import CHOICES, OPTIONS_MAX, DecisionRequest, Option
from feedtwin.schema.actions import ACTIONS
from feedtwin.schema.batches import Outcomes, slot_mask
from feedtwin.schema.codes import LlmTask
from feedtwin.schema.ids import is_upload
from feedtwin.schema.reactions import Impressions, Reactions
from feedtwin.schema.requests import ActionBatch, asked
from feedtwin.world.advising.voice import Voice, is_on_record

NOTHING: Final = "DO_NOTHING"
_WISHES_MAX: Final = 6
_VIDEOS: Final = 3
_SURE: Final = 1000
_POSSIBLE: Final = 20
"""Leanings, in thousandths: of what the rules wish, and of what is merely possible."""
_TRAITS_MAX: Final = 5
_INTERESTS: Final = 3
_FIELD_WORDS: Final = {
    "item": "a thing", "target": "a person", "group": "a group", "comment": "a comment", "source": "a video",
}  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """One option: the action, its payload, and words for it."""

    action: str
    payload: dict[str, Any]
    what: str
    leaning: int


class Deciding:
    """Asks LLM-driven users what they do."""

    def __init__(self, voice: Voice, executes: Callable[[str], bool]) -> None:
        self._voice, self._executes = voice, executes
        self._task = task("ACTION_SELECTION")
        self._cohort = voice.cohort(LlmTask.ACTION_SELECTION)

    def chosen(self, wishes: Sequence[ActionBatch], reactions: Reactions) -> list[ActionBatch]:
        """Return the wishes of a step, those of LLM-driven users replaced by what they chose."""
        visitors = reactions.visitors
        users = visitors[self._cohort.of(self._voice.sight.users, visitors)]
        if not len(users):
            return list(wishes)
        options = self._options(users, wishes, reactions)
        asks = [self._ask(user, options[user]) for user in users.tolist()]
        decided: dict[int, Choice] = {}
        for user, answer in zip(users.tolist(), self._voice.ask(asks), strict=True):
            if is_on_record(answer):
                decided[user] = options[user][answer.response.option]
        if not decided:
            return list(wishes)
        who = np.asarray(sorted(decided), np.uint32)
        left = [without(wish, who) for wish in wishes]
        return [*(wish for wish in left if wish.rows), *_batches(reactions.step, decided)]

    # -- options ---------------------------------------------------------------------------------

    def _options(
        self, users: np.ndarray, wishes: Sequence[ActionBatch], reactions: Reactions
    ) -> dict[int, list[Choice]]:
        """Return what each user may do: what the rules wish, what is possible, and nothing."""
        wished: dict[int, list[Choice]] = defaultdict(list)
        for wish in sorted(wishes, key=lambda wish: ACTIONS[wish.action].number):
            if "user" not in wish.columns or wish.action not in CHOICES:
                continue
            for row in np.nonzero(np.isin(wish.user, users))[0].tolist():
                user = int(wish.user[row])
                payload = {name: column[row] for name, column in wish.columns.items()}
                wished[user].append(Choice(wish.action, payload, self._words(payload), 0))
        possible = self._possible(users, reactions)
        found = {}
        for user in users.tolist():
            own = wished[user][:_WISHES_MAX]
            sure = _SURE // max(len(own), 1)
            options = [Choice(one.action, one.payload, one.what, sure) for one in own]
            known = {_name(one) for one in options}
            more = [one for one in possible[user] if _name(one) not in known]
            options += more[: OPTIONS_MAX - 1 - len(options)]
            idle = Choice(
                NOTHING, {"user": np.uint32(user)}, "leave it at that", 0 if own else _SURE
            )
            found[user] = [*options, idle]
        return found

    def _possible(self, users: np.ndarray, reactions: Reactions) -> dict[int, list[Choice]]:
        """Return what could be done about the videos that each user watched most of."""

        def theirs(met: Outcomes) -> np.ndarray:
            mask: np.ndarray = slot_mask(met.reached_count, met.item.shape[1])
            return mask & np.isin(met.user, users)[:, None]

        seen = reactions.pick(theirs)
        seen = seen.where(self._voice.is_video(seen.row))
        found: dict[int, list[Choice]] = defaultdict(list)
        order = np.lexsort((seen.item, -seen.completion, seen.user))
        last, count = -1, 0
        for at in order.tolist():
            user = int(seen.user[at])
            last, count = user, count + 1 if user == last else 0
            if count < _VIDEOS:
                found[user] += self._about(seen.where(np.array([at])))
        return found

    def _about(self, one: Impressions) -> Iterator[Choice]:
        """Yield what a user may do about one video."""
        sight, user, creator = self._voice.sight, one.user, one.creator
        what = self._video_words(one.row)
        of_video = {"user": user[0], "item": one.item[0]}
        of_slot = {**of_video, "request": one.request[0], "slot": one.slot[0]}
        for action, payload in (
            ("SHARE_VIDEO", of_slot), ("SAVE_VIDEO", of_video), ("NOT_INTERESTED", of_slot),
        ):  # fmt: skip
            if self._executes(action):
                yield Choice(action, payload, what, _POSSIBLE)
        is_other = bool((creator != user)[0]) and int(creator[0]) < len(sight.users)
        if is_other and not bool(sight.ties.has(user, creator)[0]):
            tie = {
                "user": user[0],
                "target": creator[0],
                "request": one.request[0],
                "slot": one.slot[0],
            }
            yield Choice("FOLLOW", tie, f"the creator of {what}", _POSSIBLE)

    def _video_words(self, row: np.ndarray) -> str:
        category = self._voice.names.categories[int(self._voice.sight.items.category[row[0]])]
        return f"{category}: {self._voice.titles(row)[0]}"

    def _words(self, payload: dict[str, Any]) -> str:
        """Return words for what a wish is about: the video's, or the kind of thing."""
        item = np.array([payload.get("item", payload.get("source", 0))], np.uint64)
        if item[0] and is_upload(item)[0]:
            return self._video_words(self._voice.sight.rows_of(item))
        return next(
            (words for name, words in _FIELD_WORDS.items() if name in payload), "on one's own"
        )

    # -- the request -----------------------------------------------------------------------------

    def _ask(self, user: int, options: Sequence[Choice]) -> Ask:
        users, names = self._voice.sight.users, self._voice.names
        topics = self._voice.sight.topics[0]
        liking = topics.astype(np.int32) @ users.interests[user].astype(np.int32)
        best = np.lexsort((np.arange(len(liking)), -liking))[:_INTERESTS]
        energy = int(np.clip(users.energy[user], 0.0, 1.0) * np.float32(100.0))
        request = DecisionRequest(
            traits=self._traits(user),
            interests=tuple(names.categories[int(k)] for k in best),
            energy_percent=energy,
            boredom=int(users.boredom[user]),
            options=tuple(
                Option(action=one.action, what=one.what, leaning=one.leaning) for one in options
            ),
        )
        return Ask(self._task, (user, self._voice.step), request)

    def _traits(self, user: int) -> tuple[str, ...]:
        """Return the adjectives of a written persona, else what the user's numbers amount to."""
        known = self._voice.texts.traits.get(user)
        if known is not None:
            return known[:_TRAITS_MAX]
        users = self._voice.sight.users
        patient = "patient" if int(users.patience[user]) >= _PATIENT else "restless"
        lively = "expressive" if float(users.like_logit[user]) >= _LIVELY else "reserved"
        funny = "playful" if int(users.humor_affinity[user]) >= _HALF else "serious"
        return patient, lively, funny


_PATIENT: Final = 8
_LIVELY: Final = -3.0
_HALF: Final = 128
"""From where numbers of a user are worded as traits; words in a prompt, not behaviour."""


def without(wish: ActionBatch, users: np.ndarray) -> ActionBatch:
    """Return a wish without the rows of some users."""
    if "user" not in wish.columns:
        return wish
    stays = ~np.isin(wish.user, users)
    columns = {name: column[stays] for name, column in wish.columns.items()}
    return ActionBatch(wish.action, wish.step, columns)


def _batches(step: int, decided: dict[int, Choice]) -> Iterator[ActionBatch]:
    """Yield what was chosen as wishes: a batch per action, users ascending; doing nothing is none."""
    by_action: dict[str, list[Choice]] = defaultdict(list)
    for user in sorted(decided):
        by_action[decided[user].action].append(decided[user])
    for action in sorted(by_action, key=lambda name: ACTIONS[name].number):
        if action != NOTHING:
            rows = [one.payload for one in by_action[action]]
            columns = {name: np.asarray([row[name] for row in rows]) for name in rows[0]}
            yield asked(action, step, **columns)


def _name(choice: Choice) -> tuple[str, int]:
    """Action and what it is done to: what tells options apart."""
    payload = choice.payload
    return choice.action, int(payload.get("item", payload.get("target", payload.get("group", 0))))
