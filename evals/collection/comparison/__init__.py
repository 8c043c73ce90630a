"""Two runs side by side, and whether several samples of one task agree."""
