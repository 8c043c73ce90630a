"""Checks on answers: a task's own, and whether an answer declines."""
