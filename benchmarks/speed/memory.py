"""What ratings need above the log itself: `python -m benchmarks.speed.memory strings|integers FILE`, in a process that
does nothing else, prints the peak in bytes.

tracemalloc counts every allocation of Python and numpy from when the log is in memory; it would slow a timing, so
memory is measured by itself.
"""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import pandas as pd

from benchmarks.speed.logs import read_arrays
from benchmarks.speed.ours import from_arrays, from_strings


def peak_of(kind: str, file: Path) -> int:
    """Bytes, measured in a new process."""
    command = [sys.executable, "-m", "benchmarks.speed.memory", kind, str(file)]
    return int(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def main(kind: str, file: str) -> None:
    if kind == "strings":
        log = pd.read_csv(file)
        tracemalloc.start()
        from_strings(log)
    else:
        columns, K = read_arrays(Path(file))
        tracemalloc.start()
        from_arrays(columns, K)
    print(tracemalloc.get_traced_memory()[1])


if __name__ == "__main__":
    main(*sys.argv[1:])
