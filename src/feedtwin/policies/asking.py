"""The block in which a policy runs: foreign code, whose errors must name it and the step."""

from types import TracebackType
from typing import TypeVar

from feedtwin.columns import boundary
from feedtwin.errors import BoundaryError, FeedtwinError, PolicyError

T = TypeVar("T")


class Asking:
    """A block in which a policy runs; what it raises becomes a PolicyError.

    Errors of this package pass (a BoundaryError says more), and so does an interrupt. Every error names the
    policy, the step and the contract: lever and method, as in `policies/interface.py`.
    """

    def __init__(self, policy: object, step: int, contract: str) -> None:
        entry = getattr(policy, "entry", None)
        self.who = f"policy {type(policy).__name__}, step {step}, contract {contract}"
        self._chosen = f". Chosen by {entry.spec}" if entry is not None else ""
        self._boundary = boundary(self.who)

    def __enter__(self) -> "Asking":
        self._boundary.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._boundary.__exit__(kind, error, traceback)
        if isinstance(error, BoundaryError) and self.who not in str(error):
            raise BoundaryError(f"{self.who}: {error}{self._chosen}") from error
        foreign = isinstance(error, Exception | SystemExit)  # a policy may not end the run, either
        if foreign and not isinstance(error, FeedtwinError):
            raise PolicyError(
                f"{self.who}: raised {type(error).__name__}: {error}; expected an answer. Mend the policy"
                f"{self._chosen}"
            ) from error

    def refuse(self, found: str, expected: str) -> PolicyError:
        """Return the error for an answer amiss."""
        return PolicyError(f"{self.who}: {found}; expected {expected}{self._chosen}")

    def given(self, answer: T | None, expected: str) -> T:
        """Return an answer that is not None: a method without `return` gives None.

        Raises:
            PolicyError: It is None.
        """
        if answer is None:
            raise self.refuse(
                "the answer is None (does the method end without `return`?)", expected
            )
        return answer
