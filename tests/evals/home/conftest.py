from tests.suites import serve, suite

__all__ = ["serve", "suite"]
