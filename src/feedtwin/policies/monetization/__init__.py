"""Monetization policies: the channels of money, and the payout rule."""

from feedtwin.policies.monetization.channels import Basic, FullStack, Unpaid
from feedtwin.policies.monetization.settings import MonetizationSettings

__all__ = ["Basic", "FullStack", "MonetizationSettings", "Unpaid"]
