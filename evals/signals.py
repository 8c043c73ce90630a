"""What others may hear of. `routing` listens; `evals` never knows who does."""

from django.dispatch import Signal

__all__ = ["leaderboard_computed"]

# Sent with `leaderboard` inside the transaction that stores it: what a receiver enqueues commits with it, and what a
# receiver raises keeps it from being stored. Once for each leaderboard, however often its ranking ran.
leaderboard_computed = Signal()
