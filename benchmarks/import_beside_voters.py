"""What imports take, and what people beside them wait: `python -m benchmarks.import_beside_voters [--small|--tenth]`.

`manage.py import_votes` of a million votes and `manage.py import_generations` of 100,000 answers, on SQLite and on a
PostgreSQL of our own: whole processes, by the clock and by the processor time and memory they used. First alone; then
again, with other votes and answers, while twenty people vote over HTTP without a pause, as in
`benchmarks.voting_pace`: what is told of them is the longest wait for an answer to a vote. They fill the machine, so
the longest wait without an import is told first.
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
            static = [sys.executable, "manage.py", "collectstatic", "--no-input", "-v0"]
            subprocess.run(static, env=environment, check=True)
            command = [sys.executable, "-m", "benchmarks.importing", *sys.argv[1:]]
            if subprocess.run(command, env=environment, check=False).returncode:
                failed.append(engine)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
