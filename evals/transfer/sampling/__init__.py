"""Draws tasks out of many: evenly over categories and lengths, without near-duplicates. Pure."""
