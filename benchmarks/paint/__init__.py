"""What a browser paints, and when. Importing this sets Django up, as `benchmarks.application` does."""

import benchmarks.application  # noqa: F401
