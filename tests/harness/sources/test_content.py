"""Fingerprints of folders: of the contents of files, hashed again only if a file may have changed."""

import os
import time
from pathlib import Path

import pytest

from harness import hashing
from harness.sources import content
from harness.sources.content import fingerprint

LONG_AGO = 1_700_000_000


def folder(root: Path) -> Path:
    (root / "f" / "sub").mkdir(parents=True)
    for name in ("a", "sub/b"):
        (root / "f" / name).write_text(f"GET /{name} HTTP/1.1")
        os.utime(root / "f" / name, (LONG_AGO, LONG_AGO))
    return root / "f"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Returns a list to which the names of files that are read are added."""
    names: list[str] = []
    of_file = hashing.of_file

    def recorded(path: Path) -> str:
        names.append(path.name)
        return of_file(path)

    monkeypatch.setattr(hashing, "of_file", recorded)
    return names


def test_equal_size_and_time_do_not_hide_another_content(tmp_path: Path) -> None:
    root = folder(tmp_path)
    before = fingerprint(root)
    (root / "a").write_text("PUT /a HTTP/1.1")
    os.utime(root / "a", (LONG_AGO, LONG_AGO))
    assert fingerprint(root) != before
    (root / "a").write_text("GET /a HTTP/1.1")
    assert fingerprint(root) == before  # of content only: other times and inodes do not matter
    (root / "a").rename(root / "c")
    assert fingerprint(root) != before


def test_only_changed_files_are_hashed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder(tmp_path)
    monkeypatch.setattr(content, "_TICK", -(10**12))  # as if the files had been written long ago
    first = fingerprint(root)
    names = hashed(monkeypatch)
    assert fingerprint(root) == first
    assert names == []
    (root / "a").write_text("PUT /a HTTP/1.1")
    assert fingerprint(root) != first
    assert names == ["a"]


def test_a_file_changed_just_now_is_hashed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder(tmp_path)
    fingerprint(root)
    names = hashed(monkeypatch)
    fingerprint(root)
    assert sorted(names) == ["a", "b"]  # they were written within a tick of the clock
    later = time.time_ns() + 10**10
    monkeypatch.setattr(time, "time_ns", lambda: later)
    fingerprint(root)
    names.clear()
    fingerprint(root)
    assert names == []


@pytest.mark.parametrize("damage", [b"", b"{}", b"0\n{}", b"\xff" * 9, None])
def test_a_damaged_or_unwritable_cache_only_costs_time(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes | None
) -> None:
    root = folder(tmp_path)
    if damage is None:
        cache.write_text("a file where the folder should be")
        assert fingerprint(root) == fingerprint(root)
        return
    monkeypatch.setattr(content, "_TICK", -(10**12))  # as if the files had been written long ago
    before = fingerprint(root)
    (place,) = (cache / "fingerprints").iterdir()
    place.write_bytes(damage)
    assert fingerprint(root) == before


def test_links_and_pipes_are_not_followed(tmp_path: Path) -> None:
    root = folder(tmp_path)
    before = fingerprint(root)
    os.mkfifo(root / "pipe")
    assert fingerprint(root) == before
    (root / "link").symlink_to("/proc/kcore" if Path("/proc/kcore").exists() else "/dev/null")
    fingerprint(root)  # ends
