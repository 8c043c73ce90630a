"""nginx for the tests that put the real one in front: the machine's, or Debian's package unpacked into .venv.

Unpacked rather than installed: installing would start a server on port 80, and needs rights that unpacking does not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["find_nginx", "provide_nginx"]

_UNPACKED = Path(sys.prefix) / "debian"
_MISSING = "there is no nginx here (Debian: apt install nginx-light)"


def find_nginx() -> str | None:
    """The path of one that runs here. Ordinary users' PATH lacks sbin."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", str(_UNPACKED / "usr/sbin")])
    found = shutil.which("nginx", path=path)
    if found is None or subprocess.run([found, "-v"], capture_output=True, check=False).returncode:
        return None
    return found


def provide_nginx() -> str:
    """What the tests of nginx will run on, in words; unpacks it first where there is none and apt has it."""
    if found := find_nginx():
        return f"nginx tests on {found}"
    if shutil.which("apt-get") is None:
        return f"nginx tests: skipped, {_MISSING}"
    with tempfile.TemporaryDirectory() as folder:
        if os.geteuid() == 0:
            _said(["apt-get", "-qq", "update"], folder)
        said = _said(["apt-get", "-qq", "download", "nginx"], folder)
        packages = sorted(Path(folder).glob("nginx_*.deb"))
        if packages:
            said = _said(["dpkg-deb", "--extract", str(packages[0]), str(_UNPACKED)], folder)
    if find_nginx() is None:
        return f"nginx tests: skipped, {_MISSING}; {said}"
    return "nginx tests on Debian's nginx, unpacked just now"


def _said(command: list[str], folder: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stderr.strip()[-300:]
