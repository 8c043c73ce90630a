"""Asking models: runs, who claims which generation, the call, and what is written of it."""
