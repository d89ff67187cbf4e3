"""Not one micro-dollar over: reservations, settlements, crashes, callers by the dozen."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier as Gate

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from feedtwin.errors import BudgetError
from feedtwin.llm.budget import WHOLE, Caps, End, Ledger
from feedtwin.schema.codes import LlmTask
from feedtwin.testing.samples import Lots

TASKS = tuple(task for task in LlmTask if task is not WHOLE)


def test_money_is_set_aside_replaced_and_given_back():
    ledger = Ledger(Caps(100))
    one, two = (
        ledger.reserve(LlmTask.TREND_PREDICTION, 60),
        ledger.reserve(LlmTask.CAPTION_GENERATION, 40),
    )
    assert ledger.reserve(LlmTask.TREND_PREDICTION, 1) is None
    assert ledger.settle(one.call, 25, 25) and ledger.release(two.call)
    assert ledger.account() == type(ledger.account())(charged=25, paid=25)
    assert ledger.reserve(LlmTask.TREND_PREDICTION, 75) is not None
    ledger.check()


def test_a_call_of_unknown_end_is_spent_and_a_late_or_second_reply_changes_nothing():
    ledger = Ledger(Caps(100))
    call = ledger.reserve(LlmTask.TREND_PREDICTION, 60).call
    assert ledger.lose(call)
    for _ in range(3):
        assert not ledger.settle(call, 1, 1) and not ledger.lose(call) and not ledger.release(call)
    assert not ledger.settle(999, 1, 1)
    assert ledger.account().charged == 60


def test_a_claim_above_the_reservation_is_disputed_and_never_charged():
    ledger = Ledger(Caps(100))
    ledger.settle(ledger.reserve(LlmTask.TREND_PREDICTION, 60).call, 10**18, 10**18)
    account = ledger.account()
    assert (account.charged, account.paid, account.disputed) == (60, 60, 10**18 - 60)
    ledger.check()


def test_the_reserve_is_for_the_privileged_and_a_task_keeps_to_its_own_cap():
    ledger = Ledger(Caps(100, reserve=30, tasks={LlmTask.CAPTION_GENERATION: 50}))
    assert ledger.reserve(LlmTask.TREND_PREDICTION, 71) is None
    assert ledger.reserve(LlmTask.CAPTION_GENERATION, 51) is None
    assert ledger.reserve(LlmTask.CAPTION_GENERATION, 50) is not None
    assert ledger.reserve(LlmTask.TREND_PREDICTION, 20) is not None
    assert ledger.reserve(LlmTask.TREND_PREDICTION, 1) is None
    assert ledger.reserve(LlmTask.TREND_PREDICTION, 30, is_privileged=True) is not None
    assert ledger.reserve(LlmTask.TREND_PREDICTION, 1, is_privileged=True) is None
    ledger.check()


def test_a_budget_of_nothing_admits_what_costs_nothing():
    ledger = Ledger(Caps(0))
    assert ledger.reserve(LlmTask.TREND_PREDICTION, 1) is None
    assert ledger.reserve(LlmTask.TREND_PREDICTION, 0) is not None


def test_a_reserve_above_the_budget_is_refused():
    with pytest.raises(BudgetError, match="reserve"):
        Caps(10, reserve=11)


class LedgerMachine(RuleBasedStateMachine):
    """The ledger against plain integers."""

    @initialize(total=st.integers(0, 500), reserve=st.integers(0, 100), cap=st.integers(0, 500))
    def start(self, total, reserve, cap):
        self.caps = Caps(total, min(reserve, total), {LlmTask.COMMENT_GENERATION: cap})
        self.ledger = Ledger(self.caps)
        self.spent = dict.fromkeys(TASKS, 0)
        self.paid = 0
        self.open = {}
        self.journal_sent, self.journal_ends = [], {}

    def _room(self, task, privileged):
        held = sum(amount for _, amount in self.open.values())
        own = sum(amount for of, amount in self.open.values() if of is task)
        whole = (
            self.caps.total - (0 if privileged else self.caps.reserve) - sum(self.spent.values())
        )
        return min(whole - held, self.caps.of(task) - self.spent[task] - own)

    @rule(task=st.sampled_from(TASKS), amount=st.integers(0, 200), privileged=st.booleans())
    def reserve(self, task, amount, privileged):
        found = self.ledger.reserve(task, amount, is_privileged=privileged)
        assert (found is not None) == (amount <= self._room(task, privileged))
        if found is not None:
            self.open[found.call] = (task, amount)
            self.journal_sent.append(found)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), charged=st.integers(0, 10**9), is_paid=st.booleans())
    def settle(self, data, charged, is_paid):
        call = data.draw(st.sampled_from(sorted(self.open)))
        task, amount = self.open.pop(call)
        assert self.ledger.settle(call, charged, charged if is_paid else 0)
        self._end(call, task, min(charged, amount), min(charged, amount) if is_paid else 0)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def expire(self, data):
        call = data.draw(st.sampled_from(sorted(self.open)))
        task, amount = self.open.pop(call)
        assert self.ledger.lose(call)
        self._end(call, task, amount, amount)

    @rule(call=st.integers(0, 60), charged=st.integers(0, 10**9))
    def late(self, call, charged):
        if call not in self.open:
            assert not self.ledger.settle(call, charged, charged)

    @rule()
    def crash_and_resume(self):
        """What was on its way is spent; what the journal has is taken over."""
        for call, (task, amount) in self.open.items():
            self.spent[task] += amount
            self.paid += amount
            self.journal_ends[call] = End(task, amount, amount)
        open_calls, self.open = set(self.open), {}
        self.ledger = Ledger(self.caps)
        ends = {c: e for c, e in self.journal_ends.items() if c not in open_calls}
        self.ledger.absorb(self.journal_sent, ends)

    def _end(self, call, task, charged, paid):
        self.spent[task] += charged
        self.paid += paid
        self.journal_ends[call] = End(task, charged, paid)

    @invariant()
    def books_balance(self):
        self.ledger.check()
        for task in TASKS:
            assert self.ledger.account(task).charged == self.spent[task]
        whole = self.ledger.account()
        assert whole.paid == self.paid
        assert whole.reserved == sum(amount for _, amount in self.open.values())
        assert {one.call for one in self.ledger.open_calls()} == set(self.open)


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = hypothesis_settings(max_examples=100, stateful_step_count=30)


def hammer(callers, reservations, fit):
    """Many callers on one ledger of which exactly `fit` calls of 7 micro-dollars are admitted."""
    cap = 7 * fit + 6
    ledger = Ledger(Caps(cap))
    gate = Gate(callers)
    each = reservations // callers

    def caller(number):
        lots, admitted, billed = Lots("caller", number), 0, 0
        gate.wait()
        for _ in range(each):
            found = ledger.reserve(TASKS[lots.one(0, len(TASKS))], 7)
            if found is None:
                continue
            admitted += 1
            end = lots.one(0, 5)
            if end == 0:
                ledger.lose(found.call)  # a time-out; then the reply comes after all, twice
                assert not ledger.settle(found.call, 1, 1)
                assert not ledger.settle(found.call, 1, 1)
            elif end == 1:
                assert ledger.settle(found.call, 10**18, 10**18)  # a lie
            else:
                assert ledger.settle(found.call, 7, 7)
                assert not ledger.lose(found.call)
            billed += 7
        return admitted, billed

    with ThreadPoolExecutor(callers) as pool:
        done = list(pool.map(caller, range(callers)))
    ledger.check()
    account = ledger.account()
    assert account.reserved == 0 and not ledger.open_calls()
    assert sum(admitted for admitted, _ in done) == min(fit, each * callers)
    assert account.charged == sum(billed for _, billed in done) <= cap


def test_of_a_hundred_thousand_reservations_exactly_as_many_are_admitted_as_fit():
    hammer(callers=64, reservations=100_000, fit=60_000)


@pytest.mark.slow
def test_of_a_million_reservations_exactly_as_many_are_admitted_as_fit():
    hammer(callers=64, reservations=1_000_000, fit=700_001)


@pytest.mark.parametrize("crashes", [0, 1, 7])
def test_refunds_make_room_again_and_crashes_do_not(crashes):
    """Settled below the reservation: more fit than worst cases would; a crash spends what was open."""
    caps = Caps(10_000)
    ledger, sent, ends, lots = Ledger(caps), [], {}, Lots("refunds", crashes)
    admitted = 0
    for turn in range(3_000):
        if crashes and turn % (3_000 // crashes) == 7:
            ledger = Ledger(caps)
            ledger.absorb(sent, ends)
        found = ledger.reserve(LlmTask.CAPTION_GENERATION, 20)
        if found is None:
            break
        sent.append(found)
        admitted += 1
        cost = lots.one(0, 21)
        if not (crashes and turn % (3_000 // crashes) == 6):
            ledger.settle(found.call, cost, cost)
            ends[found.call] = End(LlmTask.CAPTION_GENERATION, cost, cost)
    assert admitted > 10_000 // 20 and ledger.account().charged <= 10_000
    assert len({one.call for one in sent}) == len(sent)  # numbers are not used again after a crash
