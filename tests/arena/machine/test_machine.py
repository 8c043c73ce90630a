"""What `up` finds out before it starts anything."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from arena.machine import parts
from arena.machine.parts import MachineError


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield int(server.getsockname()[1])


def test_a_port_in_use_is_refused_with_another_one(taken: int) -> None:
    with pytest.raises(MachineError, match=rf"Port {taken} on 127.0.0.1 is in use.*make run PORT={taken + 1}"):
        parts.require_free("127.0.0.1", taken)


def test_the_preferred_port_gives_way_to_a_free_one(taken: int) -> None:
    found = parts.port_for(taken)
    assert found != taken
    assert parts.port_for(found) == found


def test_a_host_that_is_not_ours_is_refused_with_one_that_is() -> None:
    with pytest.raises(MachineError, match=r"is not an address of this machine. Use HOST=127.0.0.1"):
        parts.require_free("no-such-host.invalid", 8000)


def test_a_folder_serves_one_at_a_time_and_is_free_again_afterwards(tmp_path: Path) -> None:
    first, second = (parts.locked(tmp_path / "var", url) for url in ("http://one", "http://two"))
    with first, pytest.raises(MachineError, match="http://one"), second:
        pytest.fail("both hold it")
    with parts.locked(tmp_path / "var", "http://two"):
        assert "http://two" in (tmp_path / "var" / "up.lock").read_text()


def test_a_running_installation_is_found_by_its_folder(tmp_path: Path) -> None:
    assert parts.running_url(tmp_path) == ""
    with parts.locked(tmp_path, "http://127.0.0.1:8123"):
        assert parts.running_url(tmp_path) == "http://127.0.0.1:8123"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "up.lock").write_text(f"process {ended.pid}, http://127.0.0.1:8123\n")
    assert parts.running_url(tmp_path) == ""


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:80"), ("0.0.0.0", "http://127.0.0.1:80"), ("::1", "http://[::1]:80")],
)
def test_the_url_is_one_a_browser_here_can_open(host: str, url: str) -> None:
    assert parts.writable_url(host, 80) == url


def test_loopback_is_reached_by_its_own_names_alone_and_any_address_by_the_machines_too() -> None:
    assert parts.host_names("127.0.0.1") == ["127.0.0.1", "localhost", "[::1]"]
    assert socket.gethostname() in parts.host_names("0.0.0.0")
    assert "192.0.2.7" in parts.host_names("192.0.2.7")
