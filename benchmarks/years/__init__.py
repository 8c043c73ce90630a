"""Years of votes between two contenders of whom neither is better, and what the routing table makes of them each
evening: by the pure rules alone, and by the application itself."""
