"""What routing does on news from evals."""
