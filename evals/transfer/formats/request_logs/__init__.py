"""Requests that were really made, from the logs of gateways and of observability tools: a module each."""
