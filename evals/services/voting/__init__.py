"""From a pair drawn for a reviewer to the vote that is written."""
