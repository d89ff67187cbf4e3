"""What a campaign plan is: for how many days, and what stands for nothing being said."""

from typing import Final

PLAN_DAYS: Final = 3
"""Days of a plan."""
NO_CATEGORY: Final = 0xFFFF
"""Category of what has none: of a plan that leaves it to the creator, of a hashtag that is at home nowhere."""
