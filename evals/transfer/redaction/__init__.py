"""Replaces what identifies people and what opens doors in tasks, by rules. The rules themselves are pure."""
