"""Files of folders and archives: both give the same files, and hostile archives are rejected."""

import gzip
import io
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from harness import UserError
from harness.sources import SourceTally, Tree, origin
from tests.harness.sources.archives import folder, tar, zipped

FILES = {
    "top/a.json": b'{"a": 1}',
    "top/b/c.json": b"\x00\xff",
    "top/b/d.json.gz": gzip.compress(b"unpacked"),
    "top/LICENSE.md": b"MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining a copy",
    "top/other.txt": b"no",
}
EXPECTED = [("top/a.json", b'{"a": 1}'), ("top/b/c.json", b"\x00\xff"), ("top/b/d.json.gz", b"unpacked")]


def read(root: Path, largest: int = 100) -> tuple[list[tuple[str, bytes]], Tree, SourceTally]:
    tree, tally = Tree(root), SourceTally()
    return [(file.path, file.data) for file in tree.files((".json",), largest, tally)], tree, tally


def test_a_folder_and_every_archive_hold_the_same_files(tmp_path: Path) -> None:
    roots = [folder(tmp_path / "f", FILES), zipped(tmp_path / "z.zip", FILES)]
    roots += [tar(tmp_path / name, FILES, commit="c0ffee") for name in ("a.tar", "a.tar.gz", "a.tar.xz")]
    for root in roots:
        files, tree, tally = read(root)
        assert sorted(files) == EXPECTED
        assert origin.licence(tree.licence) == "MIT"
        assert tree.commit == ("c0ffee" if ".tar" in root.name else "")
        assert tally.left_out() == ()


def test_a_single_file_is_a_source(tmp_path: Path) -> None:
    path = tmp_path / "x.json.gz"
    path.write_bytes(gzip.compress(b"{}"))
    assert read(path)[0] == [("x.json.gz", b"{}")]


def test_large_files_and_links_are_counted(tmp_path: Path) -> None:
    root = folder(
        tmp_path / "f",
        {"a.json": bytes(101), "b.json": bytes(100), "c.json.gz": gzip.compress(bytes(10**6)), "inner.zip": b""},
    )
    (root / "d.json").symlink_to(root / "b.json")
    files, _, tally = read(root)
    assert [path for path, _ in files] == ["b.json"]
    assert sum(count for _, count, _ in tally.left_out()) == 4
    assert ("an archive inside the source; unpack it first", 1, "inner.zip") in tally.left_out()
    assert ("a link, not a file", 1, "d.json") in tally.left_out()


@pytest.mark.parametrize("name", ["../out.json", "a/../../out.json"])
def test_an_archive_that_leads_out_of_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    for root in (tar(tmp_path / "a.tar.gz", {name: b"x"}), zipped(tmp_path / "a.zip", {name: b"x"})):
        with pytest.raises(UserError, match=r"points outside of the archive"):
            read(root)


def test_a_link_out_of_an_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        link = tarfile.TarInfo("a.json")
        link.type, link.linkname = tarfile.SYMTYPE, "../../secret"
        archive.addfile(link)
    with pytest.raises(UserError, match=r"points outside of the archive"):
        read(path)


def test_an_archive_cut_short_is_one_sentence(tmp_path: Path) -> None:
    files = {f"{i}.json": bytes(str(i**9), "ascii") * 9 for i in range(400)}
    for root in (tar(tmp_path / "a.tar.gz", files), tar(tmp_path / "a.tar", files), zipped(tmp_path / "a.zip", files)):
        whole = root.read_bytes()
        root.write_bytes(whole[: len(whole) // 2 + 100])
        with pytest.raises(UserError, match="cannot be read; it may be truncated or damaged"):
            read(root, 10**4)
    alone = tmp_path / "x.json.gz"
    alone.write_bytes(gzip.compress(b"{}" * 50)[:-9])
    with pytest.raises(UserError, match="may be truncated"):
        read(alone)


def test_too_many_bytes_are_refused_before_they_are_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.storage.bounded.MAX_SOURCE_BYTES", 1000)
    with pytest.raises(UserError, match="has more than 1000 bytes"):
        read(zipped(tmp_path / "a.zip", {f"{i}.json": bytes(400) for i in range(3)}))
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        member = tarfile.TarInfo("big.txt")
        member.size = 2**20
        archive.addfile(member, io.BytesIO(bytes(member.size)))
    (tmp_path / "b.tar.gz").write_bytes(stream.getvalue())
    with pytest.raises(UserError, match="has more than 1000 bytes"):
        read(tmp_path / "b.tar.gz")


def test_a_checkout_has_a_commit_and_dates_of_first_commits(tmp_path: Path) -> None:
    def git(*arguments: str, date: str = "2021-05-06T12:00:00Z") -> str:
        command = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", "-C", str(tmp_path), *arguments]
        environment = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date, "PATH": "/usr/bin:/bin"}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    assert origin.commit(tmp_path) == ""
    assert origin.first_commits(tmp_path) == {}
    git("init", "-q")
    for name, date in (("a b.json", "2021-05-06T12:00:00Z"), ("ü.json", "2022-01-02T12:00:00Z")):
        folder(tmp_path, {name: b"1"})
        git("add", ".")
        git("commit", "-qm", name, date=date)
    folder(tmp_path, {"a b.json": b"2"})
    git("commit", "-qam", "again", date="2023-01-01T12:00:00Z")
    days = {name: day.isoformat() for name, day in origin.first_commits(tmp_path).items()}
    assert days == {"a b.json": "2021-05-06", "ü.json": "2022-01-02"}
    assert origin.commit(tmp_path) == git("rev-parse", "HEAD").strip()


def test_a_moved_file_has_the_date_of_its_first_commit(tmp_path: Path) -> None:
    def commit(year: int, *moves: tuple[str, str]) -> None:
        for old, new in moves:
            (tmp_path / new).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / old).rename(tmp_path / new)
        date = f"{year}-05-06T12:00:00Z"
        environment = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date, "PATH": "/usr/bin:/bin"}
        for command in ("init -q", "add -A", f"-c user.name=n -c user.email=e@example.org commit -qm {year}"):
            subprocess.run(["git", "-C", str(tmp_path), *command.split()], env=environment, check=True)

    lines = {name: f"{name} ".encode() * 40 for name in ("one.yaml", "two.yaml", "three.yaml", "four.yaml")}
    folder(tmp_path, {f"cves/{name}": data for name, data in lines.items()})
    commit(2019)
    # Two moves; one to another name; one together with another content; one back to where it was.
    commit(2020, ("cves/one.yaml", "http/cves/one.yaml"), ("cves/four.yaml", "http/four.yaml"))
    folder(tmp_path, {"cves/two.yaml": b"another content " * 40, "cves/one.yaml": b"a new file at the old place " * 9})
    commit(2021, ("http/cves/one.yaml", "http/one.yaml"), ("cves/two.yaml", "http/two.yaml"))
    commit(2022, ("cves/three.yaml", "http/drei.yaml"), ("http/four.yaml", "cves/four.yaml"))
    years = {name: day.year for name, day in origin.first_commits(tmp_path).items()}
    assert {name: years[name] for name in ("http/one.yaml", "http/two.yaml", "http/drei.yaml", "cves/four.yaml")} == {
        "http/one.yaml": 2019,
        "http/two.yaml": 2019,
        "http/drei.yaml": 2019,
        "cves/four.yaml": 2019,
    }
    assert years["cves/one.yaml"] == 2021


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_archive_may_be_packed_by_every_method(tmp_path: Path, method: int) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
        archive.writestr("top/large.json", bytes(10**6))
    files, _, tally = read(path)
    assert sorted(files) == EXPECTED
    assert tally.left_out() == (("larger than 0 MiB", 1, "top/large.json"),)


def test_an_encrypted_member_is_one_sentence(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.json": b"{}"})
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"the member 'a.json' is encrypted"):
        read(path)


def test_the_user_may_raise_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.storage.bounded.RATIO_FROM", 1000)
    path = zipped(tmp_path / "a.zip", {"a.json": bytes(10**6)})
    with pytest.raises(UserError, match=r"unpacks to more than .* set HARNESS_MAX_SOURCE_GIB"):
        read(path)
    monkeypatch.setenv("HARNESS_MAX_SOURCE_GIB", "1")
    assert read(path, 10**6)[0] == [("a.json", bytes(10**6))]
    monkeypatch.setenv("HARNESS_MAX_SOURCE_GIB", "much")
    with pytest.raises(UserError, match="must be a whole number of GiB"):
        read(path)
