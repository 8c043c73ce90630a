"""What a reviewer may read, and whether any of it tells who wrote which answer."""
