"""Signals of evals, which `routing` receives; `evals` does not know its receivers."""

from django.dispatch import Signal

__all__ = [
    "bake_off_finished",
    "category_retired",
    "category_retirement_asked",
    "contender_retired",
    "leaderboard_computed",
    "needs_asked",
    "retirement_asked",
]

# Sent with `leaderboard` inside the transaction that stores it: chores that a receiver enqueues commit with it, and an
# error in a receiver prevents it from being stored. Sent once per leaderboard, however often its ranking ran.
leaderboard_computed = Signal()

# Sent with `contender` before a confirmation is shown. A receiver returns a list of what would be affected, each in
# words that follow "It is named by": `route code-fast, as primary`.
retirement_asked = Signal()

# The same for a category, with `category`.
category_retirement_asked = Signal()

# Sent with `category` inside the transaction that retires it or brings it back.
category_retired = Signal()

# Sent with `contender` inside the transaction that retires it or brings it back.
contender_retired = Signal()

# Sent with `report_id`, its `made_at` and its `document` inside the transaction that stores the report of a bake-off,
# once for each: what a receiver enqueues commits with it, and what a receiver raises keeps it from being stored.
bake_off_finished = Signal()

# Sent with `user` when their first page is made. A receiver returns a list of `arena.ui.needs.Need`: what this person,
# in their role, should act on. Its queries are few, and do not grow with what is stored.
needs_asked = Signal()
