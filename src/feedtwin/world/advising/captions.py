"""Captions: title, description and hashtags of new videos, before VIDEO_CREATED is published."""

from typing import Final

import numpy as np

from feedtwin.llm.task import Ask, task
from feedtwin.llm.tasks.caption import Caption, CaptionRequest
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import LlmTask, TrendKind
from feedtwin.world.advising.texts import caption_id
from feedtwin.world.advising.voice import Voice, is_on_record

HASHTAGS: Final = 3
"""Hashtags of a video."""
_TRENDING_MAX: Final = 5
_DURATION_MAX_S: Final = 36_000


class Captions:
    """Asks what stands under new videos; what a stand-in answers leaves them as they are."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._task = task("CAPTION_GENERATION")
        self._cohort = voice.cohort(LlmTask.CAPTION_GENERATION)

    def completed(self, created: EventBatch) -> EventBatch:
        """Return the batch with the captions and hashtags that a model wrote."""
        voice = self._voice
        mine = np.nonzero(self._cohort.of(voice.sight.users, created.user))[0]
        trending = voice.names.tags(voice.sight.trending(TrendKind.HASHTAG)[:_TRENDING_MAX])
        asks = [self._ask(created, int(row), trending) for row in mine]
        columns = {name: column.copy() for name, column in created.columns.items()}
        for row, answer in zip(mine.tolist(), voice.ask(asks), strict=True):
            if is_on_record(answer):
                self._write(columns, row, answer.response)
        return EventBatch(created.event, created.step, columns, created.hints)

    def _ask(self, created: EventBatch, row: int, trending: tuple[str, ...]) -> Ask:
        names, creator = self._voice.names, int(created.user[row])
        tags = (created.columns[f"hashtag_{k + 1}"][row] for k in range(HASHTAGS))
        theme = self._voice.texts.written.get(int(created.text[row]), ("", ""))[0]
        request = CaptionRequest(
            category=names.categories[int(created.category[row])],
            duration_s=min(int(created.duration_s[row]), _DURATION_MAX_S),
            own_hashtags=names.tags(list(tags)),
            trending=trending,
            theme=theme,
        )
        key = creator, int(created.item[row]) & 0xFFFFFFFF
        return Ask(self._task, key, request, is_privileged=self._voice.is_elite(creator))

    def _write(self, columns: dict[str, np.ndarray], row: int, caption: Caption) -> None:
        codes = [self._voice.names.hashtag(name) for name in caption.hashtags[:HASHTAGS]]
        for k in range(HASHTAGS):
            columns[f"hashtag_{k + 1}"][row] = codes[k] if k < len(codes) else 0
        columns["text"][row] = caption_id(caption.title, caption.description, caption.hashtags)
