"""What services report of the requests they sent: read, stored once, counted, and held beside what was measured."""
