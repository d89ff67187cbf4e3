"""Comments: what stands in them, before the outcomes of slates are published.

Every comment has a text id. Where no model is asked it is the number of a template (COMMENT_TEXT), which
costs one draw; rows of the cohort become asks, and none do where the settings want templates only.
"""

from dataclasses import replace

import numpy as np

from feedtwin.llm.task import Ask, task
from feedtwin.llm.tasks.comment import CommentRequest, codes
from feedtwin.schema.batches import Outcomes, SlateBatch
from feedtwin.schema.codes import AnswerSource, LlmTask
from feedtwin.schema.ids import split_item
from feedtwin.session import COMMENT, LIKE, SHARE
from feedtwin.twins.content.captions import text_id
from feedtwin.world.advising.voice import Voice, is_on_record

_PERCENT_MAX = 1000


class Comments:
    """Asks what users write under videos."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._task = task("COMMENT_GENERATION")
        self._cohort = voice.cohort(LlmTask.COMMENT_GENERATION)
        self._is_by_rule = (
            voice.settings.source(LlmTask.COMMENT_GENERATION) is AnswerSource.SURROGATE
        )
        self._asked: set[tuple[int, ...]] = set()

    def begin(self) -> None:
        """A step begins: nobody has written anything yet."""
        self._asked = set()

    def completed(self, slates: SlateBatch, met: Outcomes) -> Outcomes:
        """Return outcomes with the text ids of their comments."""
        lane, slot = np.nonzero((met.flags & np.uint8(COMMENT)) != 0)
        user, item, row = met.user[lane], met.item[lane, slot], met.row[lane, slot]
        creator, ordinal = split_item(item)
        meeting = slates.meeting[lane, slot].astype(np.uint32)
        text = np.zeros(met.item.shape, np.uint32)
        text[lane, slot] = codes(self._voice.draws, user, creator, ordinal, meeting)
        if self._is_by_rule:
            return replace(met, text=text)
        mine = np.nonzero(
            self._cohort.of(self._voice.sight.users, user) & self._voice.is_video(row)
        )[0]
        keys = np.stack([user, creator, ordinal, meeting], axis=1)[mine].tolist()
        titles = self._voice.titles(row[mine])
        asks, places = [], []
        for k, key, title in zip(mine.tolist(), keys, titles, strict=True):
            if tuple(key) in self._asked:
                continue  # met again within the hour, beyond what the seen-store tells apart
            self._asked.add(tuple(key))
            asks.append(self._ask(tuple(key), met, (int(lane[k]), int(slot[k])), title))
            places.append((lane[k], slot[k]))
        for place, answer in zip(places, self._voice.ask(asks), strict=True):
            if is_on_record(answer):
                text[place] = text_id(answer.response.text)
        return replace(met, text=text)

    def _ask(self, key: tuple[int, ...], met: Outcomes, place: tuple[int, int], title: str) -> Ask:
        flags = int(met.flags[place])
        category = int(self._voice.sight.items.category[met.row[place]])
        request = CommentRequest(
            category=self._voice.names.categories[category],
            title=title,
            completion_percent=min(int(met.completion[place] * np.float32(100.0)), _PERCENT_MAX),
            is_liked=bool(flags & LIKE),
            is_shared=bool(flags & SHARE),
        )
        return Ask(self._task, key, request)
