"""Questions to the payout rule, and the check of its answers. A policy is foreign code (see `asking.py`)."""

import numpy as np

from feedtwin.policies.interface import MonetizationPolicy, Payments, View
from feedtwin.twins.platform.feed.asking import Asking

WEIGHTS_MAX = 2**31
"""Least sum of fund weights that is refused: products of two weights must fit into int64."""


def ask_shares(policy: MonetizationPolicy, view: View, payments: Payments) -> np.ndarray:
    """Return creators' parts of payments, int64 (I,), each from 0 to the amount.

    Raises:
        PolicyError: The answer is no such array.
    """
    for array in (payments.kind, payments.creator, payments.item, payments.amount_microusd):
        array.flags.writeable = False
    with Asking(policy, view.step, "monetization.shares") as asking:
        share = np.asarray(
            asking.given(policy.shares(view, payments), "whole micro-dollars, one per payment")
        )
    amount = payments.amount_microusd
    if share.shape != amount.shape or share.dtype.kind not in "iu":
        raise asking.refuse(
            f"shares are {share.dtype} of shape {share.shape}",
            f"whole micro-dollars of shape {amount.shape}",
        )
    wrong = np.nonzero((share < 0) | (share > amount))[0]
    if len(wrong):
        at = int(wrong[0])
        raise asking.refuse(
            f"shares[{at}] is {int(share[at])} of a payment of {int(amount[at])} micro-dollars",
            "0 to the amount",
        )
    return share.astype(np.int64)


def ask_fund(policy: MonetizationPolicy, view: View, views: np.ndarray) -> np.ndarray:
    """Return the weights by which the creator fund is divided, int64 (U,), from 0.

    Raises:
        PolicyError: The answer is no such array, or its sum is too large.
    """
    views.flags.writeable = False
    with Asking(policy, view.step, "monetization.fund") as asking:
        weight = np.asarray(asking.given(policy.fund(view, views), "whole numbers, one per user"))
    if weight.shape != views.shape or weight.dtype.kind not in "iu":
        raise asking.refuse(
            f"fund weights are {weight.dtype} of shape {weight.shape}",
            f"whole numbers of shape {views.shape}",
        )
    if (weight < 0).any() or int(weight.sum(dtype=np.int64)) >= WEIGHTS_MAX:
        raise asking.refuse(
            f"fund weights from {int(weight.min(initial=0))} with sum {int(weight.sum(dtype=np.int64))}",
            f"numbers from 0 with a sum below {WEIGHTS_MAX}",
        )
    return weight.astype(np.int64)
