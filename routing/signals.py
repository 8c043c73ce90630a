"""What others may hear of. Gateways, outcomes and webhooks listen; publishing never knows who does."""

from django.dispatch import Signal

__all__ = ["table_published"]

# Sent with `table`, its `document` and the document `before` (None for the first) inside the transaction that stores
# the table: what a receiver enqueues commits with it, and what a receiver raises keeps it from being published.
table_published = Signal()
