"""From a key to the next pair on the screen, in a real browser: `python -m benchmarks.ballot_page`.

What is measured there, `benchmarks.paint` tells. Some minutes, most of them to fill the database.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys


def main() -> int:
    if shutil.which("chromium") is None:
        print("There is no chromium here (Debian: apt install chromium), so nothing was measured.")
        return 0
    # Playwright's loop runs in the thread that asks the database, which Django takes for asynchronous code.
    environment = {**os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE": "true"}
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.paint", *sys.argv[1:]], env=environment, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
