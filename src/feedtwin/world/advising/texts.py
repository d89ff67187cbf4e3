"""Words on record: what models wrote, by the ids that events and tables carry.

The journal has every word, so this is filled from it when a run goes on, and grows as answers come. What a
stand-in wrote is not on record and not here: the world's own grammar spells those captions.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from feedtwin.llm.records import Row, StepInputs
from feedtwin.schema.codes import AnswerSource, LlmTask
from feedtwin.twins.content.captions import Caption, text_id

Written = dict[int, tuple[str, str]]
"""Title and description by text id."""


class Texts:
    """Words by text id, and who wrote them.

    Attributes:
        written: Captions and themes.
        traits: Adjectives of written personas, by user.
        rows: (text id, kind, owner, number, step, words) of everything on record, for the closing table; what
            `number` counts is in the docs of the table.
    """

    def __init__(self, written: Written) -> None:
        """Take the mapping that the Content twin reads titles from."""
        self.written = written
        self.traits: dict[int, tuple[str, ...]] = {}
        self.rows: list[tuple[int, str, int, int, int, str]] = []

    def fill(self, past: Mapping[int, StepInputs], before: int) -> None:
        """Take over what the journal holds of the steps before one."""
        for step in sorted(past):
            if step < before:
                for name in sorted(past[step].rows):
                    self.take_row(past[step].rows[name], step)

    def take_row(self, row: Row, step: int) -> None:
        """Take over one answer on record."""
        if row.source is not AnswerSource.SURROGATE:
            self.take(LlmTask(row.name[0]), row.name[1], row.response, step)

    def take(
        self, task: LlmTask, key: tuple[int, ...], fields: Mapping[str, Any], step: int
    ) -> int:
        """Keep the words of an answer that is on record; return the id of its (last) text, 0 for none.

        Args:
            task: The task.
            key: Whose answer.
            fields: Fields of the response.
            step: When.
        """
        if task is LlmTask.CAPTION_GENERATION:
            return self._caption(
                "caption", key, fields["title"], fields["description"], fields["hashtags"], step
            )
        if task is LlmTask.COMMENT_GENERATION:
            return self._row(
                text_id(fields["text"]), "comment", key[0], key[2], step, fields["text"]
            )
        if task is LlmTask.PERSONA_GENERATION:
            self.traits[key[0]] = tuple(fields["core_traits"])
            return self._row(text_id(fields["bio"]), "persona", key[0], 0, step, fields["bio"])
        if task is LlmTask.ACTION_SELECTION and fields["text"]:
            return self._row(text_id(fields["text"]), "action", key[0], step, step, fields["text"])
        if task is LlmTask.CREATOR_CAMPAIGN:
            found = 0
            for day in fields["days"]:
                words = day["theme"], day["short_caption"], day["hashtags"]
                found = self._caption("plan", key, *words, step)
            return found
        return 0

    def _caption(
        self, kind: str, key: tuple[int, ...], title: str, text: str, tags: Iterable[str], step: int
    ) -> int:
        number = caption_id(title, text, tags)
        self.written[number] = title, text
        return self._row(number, kind, key[0], key[1], step, f"{title} | {text}")

    def _row(self, number: int, kind: str, owner: int, nth: int, step: int, words: str) -> int:
        self.rows.append((number, kind, owner, nth, step, words))
        return number


def caption_id(title: str, description: str, hashtags: Iterable[str]) -> int:
    """Return the text id of a caption."""
    return text_id(Caption(title, description, tuple(hashtags)).text)
