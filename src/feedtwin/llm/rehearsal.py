"""A model that is none: it answers as stand-ins do, at once, and counts a token per four bytes.

A world that is run against it asks what it would ask of a model, reserves and settles as it would, and sends
nothing: so its ledger is the estimate of a run's bill.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

from feedtwin.llm.clients import Call, Outcome, Reply
from feedtwin.llm.json_schema import Schema
from feedtwin.llm.task import Request, Task, task
from feedtwin.record.durable import canonical_json

BYTES_PER_TOKEN: Final = 4
"""Bytes of English or JSON that a token stands for on average; estimates only, never budgets."""


def reply_of(
    kind: Task[Any, Any], request: Request, words: Sequence[int], prompt_bytes: int, schema: Schema, tokens_max: int
) -> Reply:  # fmt: skip
    """Return what a model would reply that writes as a task's stand-in does, with the tokens it would count.

    Args:
        kind: The task.
        request: What is asked.
        words: Draws of the stand-in.
        prompt_bytes: Bytes of the messages.
        schema: Schema that is sent with them.
        tokens_max: Most tokens of the answer.
    """
    answer = kind.surrogate(request, words).model_dump(mode="json")
    text = canonical_json(answer).decode("ascii")
    size = prompt_bytes + len(canonical_json(schema))
    usage = {
        "prompt_tokens": -(-size // BYTES_PER_TOKEN),
        "completion_tokens": min(-(-len(text) // BYTES_PER_TOKEN), tokens_max),
    }
    return Reply(text, usage)


class Rehearsal:
    """Answers calls by the stand-ins of their tasks; see `clients.Client`."""

    def answer_now(self, call: Call) -> Outcome:
        """Answer one call without a network or a loop."""
        kind = task(call.name.upper())
        data = call.messages[-1]["content"].split("\n")[1]
        request = kind.request.model_validate_json(data)
        lots = sha256(f"{call.seed}|{data}".encode()).digest()
        words = [
            int.from_bytes(sha256(lots + bytes([k])).digest()[:4], "little")
            for k in range(kind.words)
        ]
        size = sum(len(message["content"].encode()) for message in call.messages)
        return reply_of(kind, request, words, size, call.schema, call.tokens_max)

    async def complete(self, call: Call) -> Outcome:
        """Answer one call."""
        return self.answer_now(call)

    async def close(self) -> None:
        """Nothing to let go of."""
