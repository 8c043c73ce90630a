"""`python -m benchmarks`: runs them all, each in a process and a folder of its own; each prints its table."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    failed = []
    for script in sorted(HERE.glob("[a-z]*.py")):
        with tempfile.TemporaryDirectory(prefix="arena-bench-") as var:
            environment = {**os.environ, "ARENA_VAR": var, "DEBUG": "1", "DATABASE_URL": "", "LOG_LEVEL": "ERROR"}
            print(f"\n== {script.stem.replace('_', ' ')}", flush=True)
            command = [sys.executable, "-m", f"benchmarks.{script.stem}"]
            if subprocess.run(command, cwd=HERE.parent, env=environment, check=False).returncode:
                failed.append(script.stem)
    if failed:
        print(f"\nFailed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
