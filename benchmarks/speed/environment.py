"""An environment of its own for the peer that Arena's own must not hold: arena-rank brings jax and pins numpy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LOCK = ROOT / "requirements-bench.lock"
# Kept between runs, wherever ARENA_VAR may point meanwhile.
PLACE = ROOT / "var" / "bench"


class PeersMissingError(Exception):
    """The environment could not be made: the figures beside that peer are left out, and the others stand."""


def peers_python(place: Path = PLACE) -> Path:
    """The interpreter of an environment with exactly what the lock names; made when it is not there, by pip as the
    machine has it set up."""
    python = place / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    stamp = place / "installed"
    if stamp.exists() and stamp.read_text() == LOCK.read_text():
        return python
    print(f"Installing {LOCK.name} into {place} (once; some 750 MB)", flush=True)
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps"]
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(place)],
        [str(python), *install, "--requirement", str(LOCK)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-2000:]
            raise PeersMissingError(f"{' '.join(command)} failed:\n{said}\nIs a package index within reach of pip?")
    stamp.write_text(LOCK.read_text())
    return python
