"""What others may hear of. `routing` listens; `evals` never knows who does."""

from django.dispatch import Signal

__all__ = [
    "category_retired",
    "category_retirement_asked",
    "contender_retired",
    "leaderboard_computed",
    "retirement_asked",
]

# Sent with `leaderboard` inside the transaction that stores it: what a receiver enqueues commits with it, and what a
# receiver raises keeps it from being stored. Once for each leaderboard, however often its ranking ran.
leaderboard_computed = Signal()

# Sent with `contender` before a confirmation is shown. A receiver returns what would be touched, each in words to
# follow "It is named by": `route code-fast, as primary`. A list, empty for nothing.
retirement_asked = Signal()

# The same of a category, with `category`.
category_retirement_asked = Signal()

# Sent with `category` inside the transaction that retires it or brings it back.
category_retired = Signal()

# Sent with `contender` inside the transaction that retires it or brings it back.
contender_retired = Signal()
