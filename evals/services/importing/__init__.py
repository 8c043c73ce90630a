"""Files in: task sets, answers and votes that were made elsewhere.

Each import reads a whole file, collects what is wrong with its rows, and then writes everything in one transaction
or nothing at all. See `errors` for what they raise.
"""

from evals.services.importing.errors import BadRowsError, RefusedError, RowError, UnreadableError
from evals.services.importing.generations import GenerationsImported, import_generations
from evals.services.importing.limits import Limits
from evals.services.importing.lines import Source
from evals.services.importing.mapping import parse_pairs
from evals.services.importing.reading import FORMATS, open_source
from evals.services.importing.tasks import TasksImported, import_tasks
from evals.services.importing.votes import VotesImported, import_votes

__all__ = [
    "FORMATS",
    "BadRowsError",
    "GenerationsImported",
    "Limits",
    "RefusedError",
    "RowError",
    "Source",
    "TasksImported",
    "UnreadableError",
    "VotesImported",
    "import_generations",
    "import_tasks",
    "import_votes",
    "open_source",
    "parse_pairs",
]
