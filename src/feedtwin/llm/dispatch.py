"""Sends calls side by side, at a bounded rate, until a deadline; outcomes come back in the order of calls.

An event loop of its own runs in a thread of its own, so that a world can be stepped from a notebook, where
another loop runs already. The caller waits: within a world nothing else happens meanwhile.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from feedtwin.llm.clients import Call, Client, Failure, Outcome, answered, require


@dataclass(frozen=True)
class Limits:
    """Bounds of sending.

    Attributes:
        concurrency: Calls under way at once.
        rate_per_minute: Calls sent per minute.
        call_timeout_s: Time one call may take.
    """

    concurrency: int
    rate_per_minute: int
    call_timeout_s: float


class Dispatcher:
    """Owns the loop, the client's connections and the rate limit."""

    def __init__(self, client: Client, limits: Limits) -> None:
        require("aiolimiter")
        self._client, self._limits = client, limits
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="feedtwin-llm", daemon=True
        )
        self._thread.start()
        self._rate: Any = None

    def send(self, calls: Sequence[Call], deadline_s: float) -> list[Outcome]:
        """Send calls and wait for all of them, or until the deadline.

        Args:
            calls: What to send.
            deadline_s: Seconds from now after which whatever is under way is given up.

        Returns:
            An outcome per call, in the order of `calls`. A call that never left is not spent.
        """
        if deadline_s <= 0:
            return [_UNSENT for _ in calls]
        future = asyncio.run_coroutine_threadsafe(self._send(calls, deadline_s), self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def pause(self, seconds: float) -> None:
        """Wait, for a server that asked for it."""
        threading.Event().wait(max(seconds, 0.0))

    def close(self) -> None:
        """Let go of connections and end the thread; a closed dispatcher sends nothing more."""
        if not self._loop.is_running():
            return
        asyncio.run_coroutine_threadsafe(self._client.close(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    async def _send(self, calls: Sequence[Call], deadline_s: float) -> list[Outcome]:
        if self._rate is None:
            from aiolimiter import AsyncLimiter

            # One second's worth at once, so that a burst does not use up the minute.
            per_second = max(self._limits.rate_per_minute / 60.0, 1.0)
            self._rate = AsyncLimiter(per_second, 60.0 * per_second / self._limits.rate_per_minute)
        gate = asyncio.Semaphore(self._limits.concurrency)
        sent = [False] * len(calls)

        async def one(place: int) -> Outcome:
            async with gate:
                await self._rate.acquire()
                sent[place] = True
                return await answered(self._client, calls[place], self._limits.call_timeout_s)

        tasks = [asyncio.create_task(one(place)) for place in range(len(calls))]
        try:
            await asyncio.wait(tasks, timeout=deadline_s)
        finally:
            for task in tasks:
                task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        return [_outcome(end, was_sent) for end, was_sent in zip(ended, sent, strict=True)]


class Direct:
    """Stands in for a dispatcher where the client answers at once: no loop, no thread, no rate."""

    def __init__(self, answer_now: Callable[[Call], Outcome]) -> None:
        self._answer_now = answer_now

    def send(self, calls: Sequence[Call], deadline_s: float) -> list[Outcome]:
        """Return an outcome per call, in their order."""
        del deadline_s
        return [self._answer_now(call) for call in calls]

    def pause(self, seconds: float) -> None:
        """Wait for nobody."""

    def close(self) -> None:
        """Nothing to let go of."""


_UNSENT = Failure("deadline", is_spent=False, is_passing=False)


def _outcome(end: Outcome | BaseException, was_sent: bool) -> Outcome:
    """Return how a call ended; an error that is no outcome is a bug and goes on."""
    if isinstance(end, asyncio.CancelledError):
        return Failure("deadline", is_spent=True, is_passing=False) if was_sent else _UNSENT
    if isinstance(end, BaseException):
        raise end
    return end
