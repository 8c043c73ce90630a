"""What people type about routing."""
