"""What `benchmarks.table_lane` is made of: a table, servers that serve it, clients, and calls without a network."""
