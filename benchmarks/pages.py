"""How long every page takes over a team's year: `python -m benchmarks.pages [--small] [--engine sqlite|postgresql]`.

100 contenders, 100,000 answers and 1,000,000 votes by 200 people, with production's settings. `benchmarks.desk` fills
the database and asks. `--keep FOLDER`: fill SQLite there once, and ask the same database the next time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from benchmarks.production import production
from tests.run import postgresql


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages")
    parser.add_argument("--engine", choices=["sqlite", "postgresql"])
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    given, others = parser.parse_known_args()
    os.environ.pop("TEST_DATABASE_URL", None)  # tests make a database beside the one it names; this would fill it
    failed = 0
    for engine in [given.engine] if given.engine else ["sqlite", "postgresql"]:
        database = postgresql() if engine == "postgresql" else nullcontext("")
        with _folder(given.keep) as folder, database as url:
            if url is None:
                continue  # it was said why
            environment = production(folder / engine, url)
            subprocess.run(
                [sys.executable, "manage.py", "collectstatic", "--no-input", "-v0"], env=environment, check=True
            )
            command = [sys.executable, "-m", "benchmarks.desk", *others]
            failed += bool(subprocess.run(command, env=environment, check=False).returncode)
    return failed


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="arena-bench-") as folder:
        yield Path(folder)


if __name__ == "__main__":
    sys.exit(main())
