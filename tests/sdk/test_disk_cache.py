"""The folder that lets a service start while Arena is down: exact bytes, checked again, shared by processes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from arena_routing import NoTable, Router
from arena_routing._table_store import CacheEntry, DiskCache
from tests.sdk.arena_double import Arena, Signer, a_table

MakeRouter = Callable[..., Router]


def bodies(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.endswith(".meta.json"))


def metas(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.meta.json"))


def test_the_body_is_stored_byte_for_byte_with_signature_and_etag(
    arena: Arena, make_router: MakeRouter, tmp_path: Path
):
    arena.gzips = True
    arena.publish(5)
    make_router(cache_dir=tmp_path / "not" / "yet")
    folder = tmp_path / "not" / "yet"
    (body,), (meta,) = bodies(folder), metas(folder)
    assert body.read_bytes() == arena.body
    assert body.name.endswith("-5.json")
    noted = json.loads(meta.read_text())
    assert noted["signature"] == arena.signature
    assert noted["etag"] == f"W/{arena.etag}"
    assert [path.stat().st_mode & 0o077 for path in (folder, body, meta)] == [0, 0, 0]


def test_a_start_without_arena_uses_the_stored_table(arena: Arena, make_router: MakeRouter, tmp_path: Path):
    arena.publish(5)
    make_router(cache_dir=tmp_path).close()
    arena.kill()
    router = make_router(cache_dir=tmp_path)
    assert router.route("code").table_version == 5
    arena.revive()
    router.refresh()
    assert arena.answered == [200, 304], "the ETag was kept, too"


def test_only_the_newest_two_are_kept(arena: Arena, make_router: MakeRouter, tmp_path: Path):
    router = make_router(cache_dir=tmp_path)
    for version in (3, 8, 9, 12):
        arena.publish(version)
        assert router.refresh()
    assert [path.name.split("-")[1] for path in bodies(tmp_path)] == ["12.json", "9.json"]


def test_versions_seen_before_a_restart_still_count(arena: Arena, make_router: MakeRouter, tmp_path: Path):
    arena.publish(5)
    make_router(cache_dir=tmp_path).close()
    arena.publish(4)
    router = make_router(cache_dir=tmp_path)
    assert router.route("code").table_version == 5
    assert "It is version 4, but version 5 was seen before" in router.status().problem
    arena.publish(5, cause="rollback")
    router.refresh()
    assert "with other bytes than were seen before" in router.status().problem


def test_a_damaged_body_is_skipped_for_the_one_before_and_its_version_still_counts(
    arena: Arena, make_router: MakeRouter, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    first = make_router(cache_dir=tmp_path)
    for version in (1, 2, 3):
        arena.publish(version)
        first.refresh()
    first.close()
    arena.kill()
    path = next(path for path in bodies(tmp_path) if path.name.endswith("-3.json"))
    path.write_bytes(path.read_bytes().replace(b"Best by votes.", b"Best by money."))
    router = make_router(cache_dir=tmp_path)
    assert router.route("code").table_version == 2
    assert "Routing table 3 in cache_dir is not used: Its bytes have changed since they were written" in caplog.text
    arena.revive()
    arena.publish(3, cause="rollback")
    assert not router.refresh()
    arena.publish(3)
    assert router.refresh(), "the very version that was damaged on disk is welcome"


@pytest.mark.parametrize("what", ["body cut", "body gone", "meta garbage", "meta without signature", "another key"])
def test_the_router_starts_despite_damage_on_disk(arena: Arena, make_router: MakeRouter, tmp_path: Path, what: str):
    arena.publish(5)
    make_router(cache_dir=tmp_path).close()
    arena.kill()
    (body,), (meta,) = bodies(tmp_path), metas(tmp_path)
    keys = arena.signer.jwk_set()
    if what == "body cut":
        body.write_bytes(body.read_bytes()[:-1])
    elif what == "body gone":
        body.unlink()
    elif what == "meta garbage":
        meta.write_bytes(b"\x00\xff")
    elif what == "meta without signature":
        meta.write_text(json.dumps(json.loads(meta.read_text()) | {"signature": None}))
    else:
        keys = Signer().jwk_set()
    router = make_router(cache_dir=tmp_path, public_keys=keys)
    with pytest.raises(NoTable):
        router.route("code")
    if what != "another key":
        arena.revive()
        assert router.refresh()


def test_two_routers_sharing_a_folder_use_what_the_other_fetched(arena: Arena, make_router: MakeRouter, tmp_path: Path):
    arena.publish(1)
    one, other = make_router(cache_dir=tmp_path), make_router(cache_dir=tmp_path)
    arena.publish(2)
    assert one.refresh()
    arena.kill()
    assert other.refresh(), "from disk, though Arena is away"
    assert other.route("code").table_version == 2


def test_several_arenas_may_share_a_folder(arena: Arena, make_router: MakeRouter, tmp_path: Path):
    arena.publish(50)
    make_router(cache_dir=tmp_path)
    young = Arena()
    young.signer = arena.signer
    young.publish(1)
    try:
        with Router(young.url, public_keys=arena.signer.jwk_set(), cache_dir=tmp_path) as router:
            assert router.route("code").table_version == 1
    finally:
        young.kill()


def test_an_unusable_folder_is_logged_once_and_routing_goes_on(
    arena: Arena, make_router: MakeRouter, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    occupied = tmp_path / "file"
    occupied.write_text("no folder")
    arena.publish(1)
    router = make_router(cache_dir=occupied)
    arena.publish(2)
    assert router.refresh()
    assert router.route("code").table_version == 2
    assert caplog.text.count(f"The table cache in {occupied} cannot be written") == 1


def test_readers_never_see_half_a_table(tmp_path: Path):
    """Two writers and a reader at once: whatever is listed can be read, whole, under its digest."""
    cache = DiskCache(tmp_path, "http://arena")
    stop, torn, seen = threading.Event(), [], set()

    def write(versions: range) -> None:
        for version in versions:
            body = a_table(version)
            cache.save(CacheEntry(version, str(len(body)), "signature", None), body)

    def read() -> None:
        reader = DiskCache(tmp_path, "http://arena")
        while not stop.is_set():
            for entry in reader.entries_after(0):
                body = reader.read(entry)
                if body is not None:  # else another was newer, and this one has been tidied away
                    seen.add(entry.version)
                    if str(len(body)) != entry.sha256 or json.loads(body)["version"] != entry.version:
                        torn.append(entry)

    writers = [threading.Thread(target=write, args=(range(first, 200, 2),)) for first in (1, 2)]
    reader = threading.Thread(target=read)
    for thread in (*writers, reader):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    assert torn == []
    assert seen
    assert [entry.version for entry in cache.entries_after(0)] == [199, 198]
    assert list(tmp_path.glob(".*")) == []
