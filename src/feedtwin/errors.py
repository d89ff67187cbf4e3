"""Every error that feedtwin raises on purpose, under one root.

A message has four parts: where, what was found, what was expected, what to do. Bugs are assertions and
crash; these classes are for what a user can mend.
"""


class FeedtwinError(Exception):
    """Root of all errors raised on purpose."""


class SettingsError(FeedtwinError):
    """A setting is unknown, out of bounds or contradicts another."""


class SchemaError(FeedtwinError):
    """A batch, table or parameter file breaks its declared schema."""


class BoundaryError(FeedtwinError):
    """A twin wrote outside its handlers, or a policy read what it may not see."""


class DeterminismError(FeedtwinError):
    """A re-execution gave another digest than the journal records."""


class SourceError(DeterminismError):
    """A re-execution gave something else, and the source file of a policy is not the recorded one."""


class IntegrityError(FeedtwinError):
    """A file of a run folder was altered or is damaged beyond a torn tail."""


class RunFolderError(FeedtwinError):
    """A run folder exists already, is missing, is locked or cannot be written."""


class DataError(FeedtwinError):
    """A data file is missing or breaks its adaptor's contract."""


class PolicyError(FeedtwinError):
    """A policy broke its contract."""


class BudgetError(FeedtwinError):
    """Money for language models: no known price, or limits that contradict each other."""


class LLMError(FeedtwinError):
    """The language model service is not installed, not configured, or failed where a run must stop."""
