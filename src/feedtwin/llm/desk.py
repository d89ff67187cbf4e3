"""From an ask to calls, and from their outcomes to an answer and its price; knows no network and no clock."""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from feedtwin.llm.budget import End, Ledger, Reservation
from feedtwin.llm.cache import Entry, Question
from feedtwin.llm.clients import Call, Failure, Heard, Outcome, Reply
from feedtwin.llm.decoding import Refused
from feedtwin.llm.json_schema import Schema, in_dialect
from feedtwin.llm.prices import Price, Usage, usage_of
from feedtwin.llm.prompts import Prompt, prompt_of
from feedtwin.llm.records import Row, Unrecorded
from feedtwin.llm.secrets import Screen
from feedtwin.llm.settings import LlmSettings
from feedtwin.llm.task import Ask, Response
from feedtwin.record.durable import canonical_json
from feedtwin.schema.codes import AnswerSource

TEXT_KEPT: Final = 2000
"""Characters of a refused reply that the record keeps."""
NO_CHAT: Final = ("no chat completion", "body too long")
"""Why a body that came is not even a completion: another kind of server sent it."""
_OVERHEAD_TOKENS: Final = 96
"""What a chat template may add to the bytes of messages and schema."""
_MESSAGE_TOKENS: Final = 32


@dataclass
class Pending:
    """An ask on its way.

    Attributes:
        ask: The ask.
        prompt: Its first prompt.
        schema: Schema of its answer, in the server's dialect.
        price: Price of the model.
        reservation: Money for the next call; None between calls.
        attempts: Calls that failed on the way.
        repairs: Calls that were answered and refused.
        settled: (call, charged, paid) so far.
        tokens: (prompt, completion) so far.
        texts: Replies that were refused.
        reason: Why the last call gave no answer; empty before.
        response: The answer, once there is one.
        standing: Key of the record that the answer was taken from after asking; empty if it is its own.
        wait_s: How long to wait before the next call.
        is_over: Whether there will be no other call.
        heard: What its calls say about the model.
        key: Key of its record in the cache; empty before it was looked up.
    """

    ask: Ask
    prompt: Prompt
    schema: Schema
    price: Price
    reservation: Reservation | None = None
    attempts: int = 0
    repairs: int = 0
    settled: list[tuple[int, int, int]] = field(default_factory=list)
    tokens: tuple[int, int] = (0, 0)
    texts: list[str] = field(default_factory=list)
    reason: str = ""
    response: Response | None = None
    standing: str = ""
    wait_s: float = 0.0
    is_over: bool = False
    heard: Heard = Heard.NOTHING
    key: str = ""

    @property
    def charged(self) -> int:
        """Micro-dollars charged for all its calls."""
        return sum(charged for _, charged, _ in self.settled)


class Desk:
    """Turns asks into calls, and outcomes into answers and settlements.

    Attributes:
        fresh: What the journal does not hold yet.
    """

    def __init__(
        self,
        settings: LlmSettings,
        ledger: Ledger,
        salt: tuple[int, int],
        screen: Screen | None = None,
    ) -> None:
        """Bind what every ask needs.

        Args:
            settings: Settings of the service.
            ledger: The budget.
            salt: Root seed and replicate.
            screen: Finds the key in replies; None where there is no key.
        """
        self._settings, self._ledger, self._screen = settings, ledger, screen
        self.fresh = Unrecorded()
        self._seed, self._replicate = salt
        self._salt = f"{salt[0]}:{salt[1]}"

    def prepare(self, ask: Ask) -> Pending:
        """Return an ask ready to be sent."""
        settings = self._settings
        schema = in_dialect(
            ask.task.schema_for(ask.request), settings.dialect, settings.grammar_text_max
        )
        price = self._settings.price(ask.task.code)
        return Pending(ask, prompt_of(ask, self._salt), schema, price)

    def question(self, pending: Pending) -> Question:
        """Return everything that changes the answer, for the cache."""
        ask, own = pending.ask, self._settings.of(pending.ask.task.code)
        return Question(
            task=ask.task.name,
            version=ask.task.version,
            key=ask.key,
            seed=self._seed,
            replicate=self._replicate,
            server=self._settings.server,
            model=own.model,
            temperature=own.temperature,
            tokens_max=own.tokens_max,
            sampling_seed=self._sampling_seed(pending),
            dialect=self._settings.dialect,
            schema_hash=sha256(canonical_json(pending.schema)).hexdigest(),
            messages=tuple(pending.prompt.messages()),
        )

    def reserve(self, pending: Pending) -> bool:
        """Set the worst case of the next call aside; False, with the limit as reason, where it does not fit."""
        ask, own = pending.ask, self._settings.of(pending.ask.task.code)
        amount = pending.price.worst_case(tokens_in_max(pending), own.tokens_max)
        whose = {"is_privileged": ask.is_privileged}
        pending.reservation = self._ledger.reserve(ask.task.code, amount, **whose)
        if pending.reservation is None:
            pending.reason = str(self._ledger.binding(ask.task.code, amount, **whose))
        return pending.reservation is not None

    def release(self, pending: Pending) -> None:
        """Give a reservation back that was not used."""
        if pending.reservation is not None:
            self._ledger.release(pending.reservation.call)
            pending.reservation = None

    def charge_record(self, pending: Pending, entry: Entry) -> None:
        """Charge an answer from the cache at the price on its record; nothing is paid.

        Retries can have cost more than one reservation: the rest is reserved as they were, up to what the
        settings allow for one ask, whatever a record says.
        """
        assert pending.reservation is not None
        calls = self._settings.attempts_max + self._settings.repairs_max
        amount, ask = pending.reservation.amount, pending.ask
        charged = min(entry.charged, calls * amount)
        self._settle(pending, min(charged, amount), 0)
        if charged > amount:
            pending.reservation = self._ledger.reserve(
                ask.task.code, charged - amount, is_privileged=ask.is_privileged
            )
            if pending.reservation is not None:
                self._settle(pending, charged - amount, 0)

    def call(self, pending: Pending) -> Call:
        """Return the next call of an ask."""
        assert pending.reservation is not None
        own = self._settings.of(pending.ask.task.code)
        prompt = Prompt(pending.prompt.instruction, pending.prompt.data, pending.repairs > 0)
        return Call(
            number=pending.reservation.call,
            model=own.model,
            messages=tuple(prompt.messages()),
            name=pending.ask.task.name.lower(),
            schema=pending.schema,
            temperature=own.temperature,
            seed=self._sampling_seed(pending),
            tokens_max=own.tokens_max,
        )

    def take(self, pending: Pending, outcome: Outcome) -> None:
        """Settle and read the outcome of a call."""
        pending.reason, pending.wait_s = "", 0.0
        if isinstance(outcome, Failure):
            self._take_failure(pending, outcome)
            return
        pending.heard = max(pending.heard, Heard.ANSWERED if outcome.is_chat else Heard.REFUSED)
        self._take_bill(pending, outcome)
        try:
            pending.response = self._read(pending, outcome)
        except Refused as refused:
            pending.reason = refused.reason
            pending.repairs += 1
            pending.is_over = pending.repairs > self._settings.repairs_max

    def row(
        self,
        pending: Pending,
        source: AnswerSource,
        response: Response,
        reason: str = "",
        **more: Any,
    ) -> Row:
        """Return the journal's row of an ask that has its answer; `more` are fields of the row."""
        ask = pending.ask
        return Row(
            name=ask.name,
            source=source,
            response=response.model_dump(mode="json"),
            request=ask.request.model_dump(mode="json"),
            request_hash=ask.request_hash(),
            settled=tuple(pending.settled),
            tokens=pending.tokens,
            text=tuple(pending.texts),
            reason=reason,
            **more,
        )

    def entry(self, pending: Pending) -> Entry:
        """Return the cache's record of an ask that was sent."""
        return Entry(
            key=pending.key,
            task=pending.ask.task.name,
            version=pending.ask.task.version,
            server=self._settings.server,
            model=self._settings.of(pending.ask.task.code).model,
            request=pending.ask.request.model_dump(mode="json"),
            response=None if pending.response is None else pending.response.model_dump(mode="json"),
            reason="" if pending.response is not None else pending.reason,
            charged=pending.charged,
            tokens=pending.tokens,
        )

    def _take_failure(self, pending: Pending, failure: Failure) -> None:
        assert pending.reservation is not None
        amount = pending.reservation.amount if failure.is_spent else 0
        self._settle(pending, amount, amount)
        backoff = self._settings.backoff_s * 2**pending.attempts
        pending.reason, pending.wait_s = failure.reason, max(failure.wait_s, backoff)
        pending.heard = max(pending.heard, failure.heard)
        pending.attempts += 1
        pending.is_over = not failure.is_passing or pending.attempts >= self._settings.attempts_max

    def _take_bill(self, pending: Pending, reply: Reply) -> None:
        assert pending.reservation is not None
        usage, amount = usage_of(reply.usage), pending.reservation.amount
        if usage is None:
            self._settle(pending, amount, amount)
            return
        self._add_tokens(pending, usage)
        cost = pending.price.cost(usage.tokens_in, usage.tokens_out, usage.cached_in)
        self._settle(pending, cost, cost)
        self.fresh.disputed += max(cost - amount, 0)

    def _add_tokens(self, pending: Pending, usage: Usage) -> None:
        bound = 2**53  # what a journal's JSON holds exactly, whatever a server claims
        tokens_in = min(pending.tokens[0] + usage.tokens_in, bound)
        pending.tokens = tokens_in, min(pending.tokens[1] + usage.tokens_out, bound)

    def _settle(self, pending: Pending, charged: int, paid: int) -> None:
        assert pending.reservation is not None
        call, amount = pending.reservation.call, pending.reservation.amount
        self._ledger.settle(call, charged, paid)
        end = End(pending.ask.task.code, min(charged, amount), min(paid, amount))
        self.fresh.ends[call] = end
        pending.settled.append((call, end.charged, end.paid))
        pending.reservation = None

    def _read(self, pending: Pending, reply: Reply) -> Response:
        """Return the response that a reply holds.

        Raises:
            Refused: It holds none; its text is kept where it may be shown.
        """
        text = reply.text
        try:
            if not reply.is_chat:
                raise Refused(NO_CHAT[0])
            if text is None:
                raise Refused("no text")
            if self._screen is not None and self._screen.holds(text):
                text = self._screen.shown(text)
                raise Refused("reply holds a key")
            if reply.is_cut:
                raise Refused("cut at the limit of tokens")
            found: Response = pending.ask.task.read(pending.ask.request, text)
        except Refused:
            kept = (text or "")[:TEXT_KEPT]
            pending.texts.append(kept.encode("utf-8", "backslashreplace").decode("utf-8"))
            raise
        return found

    def _sampling_seed(self, pending: Pending) -> int:
        """Return the seed that is sent: one per ask and call, so that a retry is another draw."""
        ask, calls = pending.ask, pending.attempts + pending.repairs
        words = f"{self._salt}|{ask.task.name}|{ask.key}|{calls}"
        return int.from_bytes(sha256(words.encode()).digest()[:4]) >> 1


def tokens_in_max(pending: Pending) -> int:
    """Return an upper bound of a prompt's tokens: a token is a byte at least."""
    prompt = Prompt(pending.prompt.instruction, pending.prompt.data, repair=True)
    messages = _MESSAGE_TOKENS * len(prompt.messages())
    return prompt.size() + len(canonical_json(pending.schema)) + messages + _OVERHEAD_TOKENS
