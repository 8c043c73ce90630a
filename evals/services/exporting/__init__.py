"""Files out, with the field names of the imports: what is exported can be imported again."""

from evals.services.exporting.generations import GenerationsExported, export_generations
from evals.services.exporting.task_sets import TaskSetExported, export_task_set
from evals.services.exporting.votes import VotesExported, export_votes
from evals.services.exporting.writing import ExportError

__all__ = [
    "ExportError",
    "GenerationsExported",
    "TaskSetExported",
    "VotesExported",
    "export_generations",
    "export_task_set",
    "export_votes",
]
