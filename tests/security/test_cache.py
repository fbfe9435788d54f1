"""Cached files that were cut, edited or forged are found and built again, and the user is told."""

import errno
import fcntl
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from harness import Corpus, UserError, cached, cached_meta, hashing
from harness.api.benchmarks import DataOptions, reference
from harness.sources.download import download
from harness.storage import cache_entry
from harness.storage.shared_steps import SharedSteps
from tests.conftest import Shell, results_of

NOT_USED = "is not used and is built again"


@pytest.fixture
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test alone, in a process that has verified nothing."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache_entry, "_verified", {})
    return tmp_path / "cache"


def corpus(labels: str = "abab") -> Corpus:
    rows = {"sample": list("1234"), "payload": [b"w", b"x", b"y", b"z"], "label": list(labels)}
    return Corpus.create("four", pa.table(rows))


def rewrite(path: Path, content: bytes) -> None:
    path.unlink()  # cached files are read-only
    path.write_bytes(content)


def sign(folder: Path) -> None:
    """Writes the digests that match the files, as someone who knows the format would."""
    files = [path for path in folder.iterdir() if path.name != cache_entry.DIGESTS]
    digests = {path.name: hashing.of_file(path) for path in files}
    rewrite(folder / cache_entry.DIGESTS, json.dumps(digests).encode())


def swap_labels(folder: Path) -> None:
    path = folder / "payloads.arrow"
    table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    table = table.set_column(table.column_names.index("label"), "label", pa.array(list("bbaa"), pa.string()))
    path.unlink()
    with pa.OSFile(str(path), "wb") as stream, pa.ipc.new_file(stream, table.schema) as writer:
        writer.write_table(table)


def swap_and_sign(folder: Path) -> None:
    swap_labels(folder)
    sign(folder)


def break_offsets(folder: Path) -> None:
    """Lets the offsets of a column point outside of its data."""
    path = folder / "payloads.arrow"
    table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    offsets = pa.py_buffer(np.array([0, 2**30, 2, 3, 4], np.int32))
    broken = pa.Array.from_buffers(pa.string(), 4, [None, offsets, pa.py_buffer(b"abab")])
    table = table.set_column(table.column_names.index("label"), "label", broken)
    path.unlink()
    with pa.OSFile(str(path), "wb") as stream, pa.ipc.new_file(stream, table.schema) as writer:
        writer.write_table(table)
    sign(folder)


def edit_meta(folder: Path, **values: object) -> None:
    meta = json.loads((folder / "meta.json").read_bytes())
    rewrite(folder / "meta.json", json.dumps({**meta, **values}).encode())
    sign(folder)


def link_file(folder: Path) -> None:
    target = folder.parent.parent / "elsewhere.arrow"
    shutil.move(folder / "payloads.arrow", target)
    (folder / "payloads.arrow").symlink_to(target)


def link_folder(folder: Path) -> None:
    target = folder.parent.parent / "elsewhere"
    shutil.move(folder, target)
    folder.symlink_to(target)


ATTEMPTS: dict[str, Callable[[Path], None]] = {
    "labels swapped": swap_labels,
    "labels swapped and signed": swap_and_sign,
    "offsets outside": break_offsets,
    "table cut": lambda folder: rewrite(folder / "payloads.arrow", (folder / "payloads.arrow").read_bytes()[:-100]),
    "table cut and signed": lambda folder: (
        rewrite(folder / "payloads.arrow", (folder / "payloads.arrow").read_bytes()[:-100]),
        sign(folder),
    )[1],
    "table missing": lambda folder: (folder / "payloads.arrow").unlink(),
    "file added": lambda folder: (folder / "\x1b[31mextra").touch(),
    "meta not JSON": lambda folder: (rewrite(folder / "meta.json", b'{"name": '), sign(folder))[1],
    "meta too deep": lambda folder: (rewrite(folder / "meta.json", b"[" * 10**5), sign(folder))[1],
    "meta of a wrong type": lambda folder: edit_meta(folder, rows="many"),
    "meta of other rows": lambda folder: edit_meta(folder, rows=5),
    "meta of another hash": lambda folder: edit_meta(folder, hash="0" * 64),
    "digests cut": lambda folder: rewrite(folder / cache_entry.DIGESTS, b"{"),
    "digests missing": lambda folder: (folder / cache_entry.DIGESTS).unlink(),
    "digests too deep": lambda folder: rewrite(folder / cache_entry.DIGESTS, b"[" * 10**5),
    "file is a link": link_file,
    "folder is a link": link_folder,
    "folder is a file": lambda folder: (shutil.rmtree(folder), folder.write_bytes(b""))[1],
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_changed_corpus_is_built_again(
    attempt: str, private: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds: list[int] = []

    def build() -> Corpus:
        builds.append(1)
        return corpus()

    cached("key", build)
    cached("key", build)
    assert builds == [1]
    (folder,) = (private / "corpora").iterdir()
    ATTEMPTS[attempt](folder)
    for restarted in (True, False):
        if restarted:
            monkeypatch.setattr(cache_entry, "_verified", {})
        assert cached_meta("key", build) == corpus().meta
        assert cached("key", build).table.column("label").to_pylist() == list("abab")
    assert builds == [1, 1]
    (note,) = [record.getMessage() for record in caplog.records]
    assert NOT_USED in note
    assert "\x1b" not in note
    assert sorted(path.name for path in folder.parent.iterdir()) == [folder.name]


def test_a_change_after_planning_is_found_by_a_process_that_trusts_the_plan(
    private: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached("key", corpus)
    states = cache_entry.verified()
    (folder,) = (private / "corpora").iterdir()
    swap_labels(folder)
    monkeypatch.setattr(cache_entry, "_verified", {})
    cache_entry.trust(states)
    assert cached("key", corpus).table.column("label").to_pylist() == list("abab")


def test_a_worker_does_not_hash_what_the_coordinator_has_verified(
    private: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached("key", corpus)
    states = cache_entry.verified()
    monkeypatch.setattr(cache_entry, "_verified", {})
    cache_entry.trust(states)
    monkeypatch.setattr(hashing, "of_file", None)
    monkeypatch.setattr(hashing, "of_table", None)
    assert len(cached("key", corpus)) == 4


def test_trust_does_not_replace_what_a_process_has_verified_itself(private: Path) -> None:
    cached("key", corpus)
    ((folder, state),) = cache_entry.verified().items()
    cache_entry.trust({folder: (("forged", (0, 0, 0, 0, 0)),)})
    assert cache_entry.verified()[folder] == state


def test_results_are_the_same_after_the_labels_of_the_cached_corpus_are_shuffled(
    shell: Shell, mapped: tuple[str, ...]
) -> None:
    shell.cache = shell.folder / "cache"
    arguments = ("run", "--method", "majority,nearest-neighbor", *mapped, "--scenario", "random", "--trials", 1)
    before = shell(*arguments, "--seeds", 1, "--results", "before")
    assert before.returncode == 0, before.stderr
    assert NOT_USED not in before.stderr
    (path,) = (shell.cache / "corpora").glob("*/payloads.arrow")
    table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    labels = np.random.default_rng(0).permutation(np.array(table.column("label").to_pylist()))
    table = table.set_column(table.column_names.index("label"), "label", pa.array(labels.tolist(), pa.string()))
    path.unlink()
    with pa.OSFile(str(path), "wb") as stream, pa.ipc.new_file(stream, table.schema) as writer:
        writer.write_table(table)
    after = shell(*arguments, "--seeds", 1, "--results", "after")
    assert after.returncode == 0, after.stderr
    assert after.stderr.count(NOT_USED) == 1
    assert results_of(shell.folder / "after") == results_of(shell.folder / "before")


def test_an_entry_of_another_user_is_named(
    private: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if os.geteuid():
        pytest.skip("only root may give a file away")
    cached("key", corpus)
    (folder,) = (private / "corpora").iterdir()
    os.chown(folder, 12345, -1)
    monkeypatch.setattr(cache_entry, "_verified", {})
    assert len(cached("key", corpus)) == 4
    cached("key", corpus)
    (note,) = [record.getMessage() for record in caplog.records]
    assert "written by another user (uid 12345)" in note


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o755), (0o077, 0o700)])
def test_the_umask_decides_who_reads_the_cache(private: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        cached("key", corpus)
    finally:
        os.umask(before)
    (folder,) = (private / "corpora").iterdir()
    assert folder.stat().st_mode & 0o777 == mode
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o444 & ~mask}


def step(calls: list[int]) -> dict[str, np.ndarray]:
    calls.append(1)
    return {"a": np.arange(1000.0)}


def edit_cost(text: str) -> Callable[[Path], None]:
    return lambda folder: (rewrite(folder / "cost.json", text.encode()), sign(folder))[1]


def edit_array(folder: Path) -> None:
    content = bytearray((folder / "a.npy").read_bytes())
    content[-1] ^= 1
    rewrite(folder / "a.npy", bytes(content))


STEP_ATTEMPTS: dict[str, Callable[[Path], None]] = {
    "array edited": edit_array,
    "array cut": lambda folder: rewrite(folder / "a.npy", (folder / "a.npy").read_bytes()[:500]),
    "cost edited": lambda folder: rewrite(folder / "cost.json", b'{"compute_seconds": 0.0, "uses": {}}'),
    "cost negative": edit_cost('{"compute_seconds": -1e6, "uses": {}}'),
    "cost huge": edit_cost('{"compute_seconds": 1e300, "uses": {}}'),
    "cost not a number": edit_cost('{"compute_seconds": NaN, "uses": {}}'),
    "cost infinite": edit_cost('{"compute_seconds": Infinity, "uses": {}}'),
    "cost of another type": edit_cost('{"compute_seconds": "0.1", "uses": {}}'),
    "cost cut": edit_cost('{"compute_seconds": 0.1'),
    "cost missing": lambda folder: ((folder / "cost.json").unlink(), sign(folder))[1],
    "uses negative": edit_cost('{"compute_seconds": 0.1, "uses": {"%s": -5.0}}' % ("0" * 32)),
    "uses of no entry": edit_cost('{"compute_seconds": 0.1, "uses": {"x": 5.0}}'),
    "uses too deep": edit_cost('{"compute_seconds": 0.1, "uses": ' + "[" * 10**5),
}


@pytest.mark.parametrize("attempt", STEP_ATTEMPTS)
def test_a_changed_step_is_computed_again(
    attempt: str, private: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[int] = []
    SharedSteps()("s", "content", lambda: step(calls))
    (folder,) = (path for path in (private / "shared").iterdir() if path.is_dir())
    STEP_ATTEMPTS[attempt](folder)
    monkeypatch.setattr(cache_entry, "_verified", {})
    steps = SharedSteps()
    for _ in range(2):
        assert np.array_equal(steps("s", "content", lambda: step(calls))["a"], np.arange(1000.0))
    assert calls == [1, 1]
    assert 0 <= steps.charged < 10
    assert [NOT_USED in record.getMessage() for record in caplog.records] == [True]


def test_a_step_that_cannot_be_stored_is_computed_by_each_cell(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    calls: list[int] = []
    for _ in range(2):
        steps = SharedSteps(tmp_path / "file" / "shared")
        arrays = steps("s", "content", lambda: step(calls))
        assert np.array_equal(arrays["a"], np.arange(1000.0))
        assert not arrays["a"].flags.writeable
        assert steps.charged == pytest.approx(steps.computed, abs=0.002)
    assert calls == [1, 1]
    assert all("shared steps are not cached" in record.getMessage() for record in caplog.records)
    assert len(caplog.records) == 2


def test_steps_are_stored_where_files_cannot_be_locked(
    private: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    calls: list[int] = []
    for _ in range(2):
        SharedSteps()("s", "content", lambda: step(calls))
    SharedSteps()("t", "content", lambda: step(calls))
    assert calls == [1, 1]
    (note,) = [record.getMessage() for record in caplog.records]
    assert "is used without locks" in note
    assert os.strerror(errno.ENOLCK) in note


@pytest.mark.parametrize("arguments", [("data", "info", "synthetic"), ("run", "--method", "majority")])
def test_a_cache_that_cannot_be_written_is_one_sentence(shell: Shell, arguments: tuple[str, ...]) -> None:
    (shell.folder / "file").touch()
    shell.cache = shell.folder / "file" / "cache"
    done = shell(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1
    assert f"the cache folder {shell.cache} cannot be written to (Not a directory)" in done.stderr
    assert "set HARNESS_CACHE to another folder" in done.stderr


def test_edited_data_in_memory_are_written_again(
    private: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pair = ([b"w", b"x", b"y", b"z"], list("abab"))
    path = Path(str(reference(pair, DataOptions()).argument))
    whole = path.read_bytes()
    rewrite(path, whole[:-3])
    monkeypatch.setattr(cache_entry, "_verified", {})
    assert Path(str(reference(pair, DataOptions()).argument)).read_bytes() == whole
    assert [NOT_USED in record.getMessage() for record in caplog.records] == [True]


def test_an_edited_download_is_not_used(private: Path, caplog: pytest.LogCaptureFixture) -> None:
    body = b"true"
    digest = hashlib.sha256(body).hexdigest()
    folder = private / "downloads" / digest[:32]
    folder.mkdir(parents=True)
    (folder / "x.zip").write_bytes(body)
    assert download("http://127.0.0.1:9/x.zip", digest).read_bytes() == body
    (folder / "x.zip").write_bytes(b"forged")
    with pytest.raises(UserError, match="cannot be downloaded"):
        download("http://127.0.0.1:9/x.zip", digest)
    assert "was changed after its download" in caplog.records[0].getMessage()


@pytest.fixture(autouse=True)
def _warnings(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    cache_entry._note_without_lock.cache_clear()
