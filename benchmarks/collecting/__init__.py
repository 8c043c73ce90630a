"""What the benchmark of collection is measured against: a provider that answers after a while, and a bare client."""
