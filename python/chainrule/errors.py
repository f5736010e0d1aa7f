"""The exceptions that are chainrule's own; errors with a standard meaning are Python's (ValueError, TypeError, IndexError)."""

from chainrule._core import ChainruleError, CorruptFileError, TrainingDiverged

__all__ = ["ChainruleError", "CorruptFileError", "TrainingDiverged"]
