"""Battles with the names of who wrote what: a browser with filters, and preferences exported for training."""
