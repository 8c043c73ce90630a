"""From a vote to its new leaderboard in the application itself: `python -m benchmarks.vote_to_leaderboard`.

On SQLite and on a PostgreSQL of our own, each with 100,000 votes by thirty reviewers of uneven diligence; what is
measured there, `benchmarks.application` tells. Takes some minutes, most of them to fill the databases.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.production import production
from tests.run import postgresql


def main() -> int:
    failed = []
    os.environ.pop("TEST_DATABASE_URL", None)  # tests make a database beside the one it names; this would fill it
    with tempfile.TemporaryDirectory(prefix="arena-bench-") as folder, postgresql() as database:
        for engine, url in (("SQLite", ""), ("PostgreSQL", database)):
            if url is None:
                continue  # it was said why
            print(f"{engine}:", flush=True)
            command = [sys.executable, "-m", "benchmarks.application"]
            if subprocess.run(command, env=production(Path(folder) / engine, url), check=False).returncode:
                failed.append(engine)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
