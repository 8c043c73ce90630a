"""Jobs that Celery delivers to workers. The work itself is in `pump`.

There is one job: it wakes this worker's pump. A message does not say which work to do, so any number of them may be
lost or doubled.
"""

from __future__ import annotations

from arena.celery import app
from evals.collection.wake import PUMP
from evals.collection.worker_pump import wake

__all__ = ["pump"]


@app.task(name=PUMP, acks_late=True, ignore_result=True)  # type: ignore[untyped-decorator]
def pump() -> None:
    wake()
