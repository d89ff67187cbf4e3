"""The adviser of a world: turns what it is about to publish into asks of language models, and answers into events.

Imported only where a task is on. `adviser.py` is what the world talks to; each other file is one kind of ask,
or what several of them need. `docs/decisions/0039` says why it stands where it stands.
"""

from feedtwin.world.advising.adviser import Adviser

__all__ = ["Adviser"]
