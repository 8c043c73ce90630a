"""Reads. Each returns frozen dataclasses, or querysets where the caller pages; none writes, none knows of a request.

One file a subject; `routing` enters `evals` only here, by `evals.signals`, and by the pure `evals.ratings`.
"""
