"""What `benchmarks.ratings_speed` measures with: logs of votes, turns, memory, and the peers in their own process."""
