"""The budget: money is reserved before a call is sent and settled after, in whole micro-dollars.

A call reserves its worst case. What it cost replaces the reservation; a call of unknown end (a time-out, a
crash) costs its whole reservation; a call that was refused before any work costs nothing. So at every
moment settled + reserved <= cap, for the whole and for each task, whatever a provider says.

Two sums are kept. `charged` decides: an answer from the cache is charged at the price on its record, so that
live and cached runs take the same turns. `paid` is what left the account.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock
from typing import Final

from feedtwin.errors import BudgetError
from feedtwin.schema.codes import LlmTask

PPM: Final = 1_000_000
WHOLE: Final = LlmTask.ALL


class Limit(StrEnum):
    """What can keep a call from being paid for; the word is the reason of the answer that it degraded."""

    OPEN = "budget"
    """The whole budget but its reserve, which is all that an ask without privilege may use."""
    RESERVE = "budget and reserve"
    """The whole budget."""
    OWN = "budget of the task"
    """The task's own share."""


@dataclass(frozen=True)
class Caps:
    """Spending limits in micro-dollars.

    Attributes:
        total: Of all tasks together.
        reserve: Part of the total that only privileged asks may use.
        tasks: Of single tasks; a task without one may spend the total.
    """

    total: int
    reserve: int = 0
    tasks: Mapping[LlmTask, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.reserve <= self.total:
            raise BudgetError(
                f"llm budget: the reserve is {self.reserve} micro-dollars of {self.total}; expected at most the "
                "whole budget. Lower llm.reserve_share"
            )

    def of(self, task: LlmTask) -> int:
        """Return the limit of a task, or of the whole."""
        return self.total if task is WHOLE else min(self.tasks.get(task, self.total), self.total)

    def at(self, limit: Limit, task: LlmTask) -> int:
        """Return how much a limit admits; `task` counts where the limit is a task's own."""
        whole = self.total - (self.reserve if limit is Limit.OPEN else 0)
        return self.of(task) if limit is Limit.OWN else whole


@dataclass(frozen=True)
class Reservation:
    """Money set aside for a call that may be on its way."""

    call: int
    task: LlmTask
    amount: int


@dataclass(frozen=True)
class End:
    """How a call ended: micro-dollars charged for routing, and paid."""

    task: LlmTask
    charged: int
    paid: int


@dataclass
class Account:
    """What a task (or the whole) has spent so far.

    Attributes:
        charged: Decides about what comes next.
        paid: What providers were paid.
        reserved: Set aside for calls without an end yet.
        disputed: What providers claimed above reservations; never charged, always reported.
    """

    charged: int = 0
    paid: int = 0
    reserved: int = 0
    disputed: int = 0


class Ledger:
    """Accounts of one run; any number of threads may call it.

    A run has a ledger of its own and no other process writes to it (the run folder's lock sees to that).
    Its rows are in the run's journal, from which `absorb` rebuilds it after a crash.
    """

    def __init__(self, caps: Caps) -> None:
        self.caps = caps
        self._accounts = {task: Account() for task in LlmTask}
        self._open: dict[int, Reservation] = {}
        self._next_call = 0
        self._lock = Lock()

    def reserve(
        self, task: LlmTask, amount: int, *, is_privileged: bool = False
    ) -> Reservation | None:
        """Set money aside for one call; None, and nothing changed, where it does not fit.

        Args:
            task: The task that calls.
            amount: The most the call can cost.
            is_privileged: Whether the reserve may be used.
        """
        assert amount >= 0 and task is not WHOLE
        with self._lock:
            if self._binding(task, amount, is_privileged) is not None:
                return None
            whole, own = self._accounts[WHOLE], self._accounts[task]
            reservation = Reservation(self._next_call, task, amount)
            self._next_call += 1
            self._open[reservation.call] = reservation
            whole.reserved += amount
            own.reserved += amount
            return reservation

    def binding(self, task: LlmTask, amount: int, *, is_privileged: bool = False) -> Limit | None:
        """Return the limit that a reservation would pass now, or None; arguments as in `reserve`."""
        with self._lock:
            return self._binding(task, amount, is_privileged)

    def _binding(self, task: LlmTask, amount: int, is_privileged: bool) -> Limit | None:
        whole = Limit.RESERVE if is_privileged and self.caps.reserve else Limit.OPEN
        for limit, account in ((whole, WHOLE), (Limit.OWN, task)):
            held = self._accounts[account]
            if held.charged + held.reserved + amount > self.caps.at(limit, task):
                return limit
        return None

    def settle(self, call: int, charged: int, paid: int) -> bool:
        """Replace a reservation by what the call cost.

        Args:
            call: Number of the reservation.
            charged: Cost for routing; what exceeds the reservation is disputed, not charged.
            paid: What the provider is paid; 0 for an answer from the cache.

        Returns:
            False, with nothing changed, for a call that has an end already (a late or second reply).
        """
        assert charged >= 0 and paid >= 0
        with self._lock:
            reservation = self._open.pop(call, None)
            if reservation is None:
                return False
            amount = reservation.amount
            for account in (self._accounts[WHOLE], self._accounts[reservation.task]):
                account.reserved -= amount
                account.charged += min(charged, amount)
                account.paid += min(paid, amount)
                account.disputed += max(charged - amount, 0)
            return True

    def lose(self, call: int) -> bool:
        """Spend the whole reservation of a call whose end is not known; False if it has one already."""
        with self._lock:
            reservation = self._open.get(call)
        return reservation is not None and self.settle(call, reservation.amount, reservation.amount)

    def release(self, call: int) -> bool:
        """Give a reservation back: the call was not sent, or was refused before any work."""
        return self.settle(call, 0, 0)

    def account(self, task: LlmTask = WHOLE) -> Account:
        """Return a copy of a task's account, or of the whole."""
        with self._lock:
            return Account(**vars(self._accounts[task]))

    def open_calls(self) -> list[Reservation]:
        """Return reservations without an end, in order of their numbers."""
        with self._lock:
            return [self._open[call] for call in sorted(self._open)]

    def utilisation_ppm(self, task: LlmTask = WHOLE) -> int:
        """Return charged over limit in parts per million; a limit of 0 is used up."""
        cap = self.caps.of(task)
        return PPM if cap == 0 else self.account(task).charged * PPM // cap

    def check(self) -> None:
        """Assert that no sum exceeds its limit and that tasks add up to the whole."""
        with self._lock:
            whole = self._accounts[WHOLE]
            parts = [account for task, account in self._accounts.items() if task is not WHOLE]
            for name in ("charged", "paid", "reserved", "disputed"):
                assert sum(getattr(part, name) for part in parts) == getattr(whole, name), name
            assert whole.charged + whole.reserved <= self.caps.total
            assert sum(one.amount for one in self._open.values()) == whole.reserved
            assert 0 <= whole.paid <= whole.charged

    def absorb(self, sent: Iterable[Reservation], ends: Mapping[int, End]) -> None:
        """Take over what a journal says of a step; calls that were sent and have no end are lost.

        Args:
            sent: Calls on record.
            ends: How calls ended, by number; also of reservations that an answer from the cache used.
        """
        lost = {
            one.call: End(one.task, one.amount, one.amount) for one in sent if one.call not in ends
        }
        with self._lock:
            assert not self._open, "a ledger takes over a step before it is used in it"
            for call, end in {**lost, **ends}.items():
                self._next_call = max(self._next_call, call + 1)
                for account in (self._accounts[WHOLE], self._accounts[end.task]):
                    account.charged += end.charged
                    account.paid += end.paid
