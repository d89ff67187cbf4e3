"""Text as a page shows it: where long names may break, what is code, and notes that say the same gathered into one."""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from markupsafe import Markup, escape

from feedtwin.lab.figures.telling import together
from feedtwin.lab.reporting.document import Note, Table

_CODE: Final = re.compile(r"`([^`]+)`")
_LONG: Final = 24
"""Words up to this length are never broken; of longer ones only names, after their signs, and hashes."""
_HASH: Final = re.compile(r"[0-9a-f]{32,}")
_JOINT: Final = re.compile(r"(?<=[_./=,|:])(?=[^\s_./=,|:])")
_SHARED_WORDS: Final = 5
"""Notes that end in at least so many words alike are said once."""


def shown(text: object) -> Markup:
    """Return text for a page: escaped, `code` marked, and long names with places where a line may end."""
    out = []
    for place, part in enumerate(_CODE.split(together(str(text)))):
        soft = Markup("").join(_word(word) for word in re.split(r"([ \n]+)", part))
        out.append(Markup("<code>{}</code>").format(soft) if place % 2 else soft)
    return Markup("").join(out)


def _word(word: str) -> Markup:
    if len(word) <= _LONG:
        return escape(word)
    if _HASH.search(word):
        return Markup('<span class="hash">{}</span>').format(word)
    return Markup("<wbr>").join(escape(part) for part in _JOINT.split(word))


def unbroken(text: str) -> str:
    """Return text that stays on one line."""
    return text.replace(" ", "\u00a0")


def spans(table: Table) -> list[list[tuple[str, int]]]:
    """Return the rows of a table as (cell, rows that it spans); of a grouped one the first cells are said once, then span 0."""
    if "grouped" not in table.kind:
        return [[(cell, 1) for cell in row] for row in table.rows]
    out = []
    for first, group in groupby(table.rows, key=lambda row: row[0]):
        rows = list(group)
        for place, row in enumerate(rows):
            head = (first, 0 if place else len(rows))
            out.append([head, *((cell, 1) for cell in row[1:])])
    return out


def gathered(notes: Iterable[Note]) -> list[Note]:
    """Return notes in which those of one kind that end alike are one: what differs, listed, and the ending once."""
    out: list[Note] = []
    for kind, some in groupby(notes, key=lambda one: one.kind):
        texts = [one.text for one in some]
        ending = _ending(texts)
        if len(texts) < 2 or len(ending) < _SHARED_WORDS:
            out += [Note(kind, text) for text in texts]
            continue
        said = " ".join(ending)
        heads = [text[: -len(said)].strip() for text in texts]
        out.append(Note(f"{kind} ({len(texts)})", f"{'; '.join(heads)}: each {said}"))
    return out


def _ending(texts: Sequence[str]) -> list[str]:
    """The words that all texts end in; each text keeps one of its own."""
    words = [text.split() for text in texts]
    count = 0
    while count < min(len(one) for one in words) - 1 and len({one[-1 - count] for one in words}) == 1:  # fmt: skip
        count += 1
    return words[0][len(words[0]) - count :]
