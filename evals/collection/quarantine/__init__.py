"""Answers that name their writer: how they are found, and the cases in which an editor decides about them."""

from evals.collection.quarantine.detector import names_itself, reveals_its_model

__all__ = ["names_itself", "reveals_its_model"]
