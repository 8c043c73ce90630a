"""Arena's routing tables in your service: which model to use for a request, decided in memory.

    from arena_routing import Router

    router = Router("https://arena.example", token=…, public_keys=…, cache_dir="/var/cache/shop")
    decision = router.route("code", prompt=text, needs={"tools"}, max_ttft_ms=500)
    answer = router.run(decision, call)

Logs as `arena_routing`.
"""

from __future__ import annotations

from arena_routing._decision import Decision, Target
from arena_routing._errors import (
    AllModelsFailed,
    Attempt,
    CheckFailed,
    ConfigurationError,
    Escalate,
    NoEligibleModel,
    NoTable,
    RoutingError,
    TableExpired,
)
from arena_routing._router import Router, Status
from arena_routing._version import __version__

__all__ = [
    "AllModelsFailed",
    "Attempt",
    "CheckFailed",
    "ConfigurationError",
    "Decision",
    "Escalate",
    "NoEligibleModel",
    "NoTable",
    "Router",
    "RoutingError",
    "Status",
    "TableExpired",
    "Target",
    "__version__",
]
