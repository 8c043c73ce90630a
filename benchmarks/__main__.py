"""`python -m benchmarks [NAME…]`: runs them all or those named, each in a process and a folder of its own; each prints
its table."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def scripts() -> list[str]:
    """Every file here is one; what they share lies in folders."""
    return sorted(path.stem for path in HERE.glob("[a-z]*.py"))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures what docs/evidence.md says.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(scripts())}; all by default")
    names = parser.parse_args(arguments).names
    if unknown := sorted(set(names) - set(scripts())):
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(scripts())}")
    failed = []
    for name in names or scripts():
        with tempfile.TemporaryDirectory(prefix="arena-bench-") as var:
            environment = {**os.environ, "ARENA_VAR": var, "DEBUG": "1", "DATABASE_URL": "", "LOG_LEVEL": "ERROR"}
            print(f"\n== {name.replace('_', ' ')}", flush=True)
            command = [sys.executable, "-m", f"benchmarks.{name}"]
            if subprocess.run(command, cwd=HERE.parent, env=environment, check=False).returncode:
                failed.append(name)
    if failed:
        print(f"\nFailed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
