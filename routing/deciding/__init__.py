"""From a policy and what is known to each category's routes, with the reason for every one. Pure."""
