"""The encounter's own equations, as a member of the lever that can replace them."""

from feedtwin.errors import PolicyError
from feedtwin.policies.interface import Choices, Encounters, policy


@policy("behaviour", "kernel", section="interaction", code=0)
class Kernel:
    """Hook, match, watch and engagement by the equations of the Interaction twin."""

    def __init__(self, settings: object) -> None:
        self.settings = settings

    def meet(self, block: Encounters) -> Choices:
        """Never called: the world leaves encounters to the kernel."""
        raise PolicyError(
            "behaviour kernel: was asked like a behaviour of a user's own; expected the encounter's kernel"
        )
