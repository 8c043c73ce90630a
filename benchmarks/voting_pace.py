"""How many people can vote at once: `python -m benchmarks.voting_pace [--small]`.

On SQLite and on a PostgreSQL of our own, each with 100 contenders, 100,000 answers and 100,000 votes. Web runs as two
processes and the chores as one, as `docs/production.md` has them. Twenty people vote without a pause, and then so that
thirty votes a second come in. `benchmarks.voters` does the voting and tells the figures.
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
            environment = production(Path(folder) / engine, url)
            subprocess.run(
                [sys.executable, "manage.py", "collectstatic", "--no-input", "-v0"], env=environment, check=True
            )
            command = [sys.executable, "-m", "benchmarks.voters", *sys.argv[1:]]
            if subprocess.run(command, env=environment, check=False).returncode:
                failed.append(engine)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
