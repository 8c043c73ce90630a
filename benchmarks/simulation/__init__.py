"""Simulated reviewers before simulated contenders whose true strengths are known, hundreds of categories at once."""
