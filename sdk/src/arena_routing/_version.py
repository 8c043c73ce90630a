"""The one place that says which version this is, besides pyproject.toml."""

__all__ = ["__version__"]

__version__ = "0.1.0"
