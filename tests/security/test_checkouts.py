"""A checkout of others: its configuration starts no program, and what cannot be read of its history is said."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.sources import origin
from tests.conftest import Shell

TEMPLATE = """id: {name}
info:
  name: {name}
  author: someone
  severity: high
  description: a description
  classification:
    cve-id: CVE-2021-{number}
    cwe-id: {cwe}
http:
  - raw:
      - |
        GET /{name}?id={attack} HTTP/1.1
        Host: {{{{Hostname}}}}
"""
ATTACKS = {"CWE-89": "1'%20UNION%20SELECT%201--", "CWE-79": "<script>alert(1)</script>"}
DAYS = ("2021-05-06", "2022-01-02")


def git(root: Path, *arguments: str, day: str = DAYS[0]) -> str:
    command = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", "-C", str(root), *arguments]
    when = f"{day}T12:00:00Z"
    environment = {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when, "PATH": os.environ["PATH"], "HOME": "/nowhere"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Twenty templates of two classes, in two commits."""
    root = tmp_path / "templates"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    for day, (cwe, attack) in zip(DAYS, ATTACKS.items(), strict=True):
        for number in range(10):
            name = f"{cwe.lower()}-{number}"
            text = TEMPLATE.format(name=name, number=10000 + number, cwe=cwe, attack=attack)
            (root / f"{name}.yaml").write_text(text, encoding="utf-8")
        git(root, "add", ".", day=day)
        git(root, "commit", "-qm", cwe, day=day)
    return root


def program(folder: Path) -> tuple[Path, Path]:
    """A program that leaves a mark, and the mark."""
    mark, path = folder / "started", folder / "program.sh"
    path.write_text(f"#!/bin/sh\ntouch {mark}\nexit 1\n", encoding="utf-8")
    path.chmod(0o755)
    return path, mark


def sign_first_commit(root: Path) -> None:
    """Gives the current commit a signature, as `log.showSignature` needs it to start `gpg.program`."""
    text = git(root, "cat-file", "commit", "HEAD")
    head, _, message = text.partition("\n\n")
    signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n AAAA\n -----END PGP SIGNATURE-----"
    (root / "commit.txt").write_text(f"{head}\n{signature}\n\n{message}\n", encoding="utf-8")
    commit = git(root, "hash-object", "-t", "commit", "-w", "--literally", "commit.txt")
    (root / "commit.txt").unlink()
    git(root, "update-ref", "HEAD", commit)


def gpg(root: Path, path: Path) -> None:
    sign_first_commit(root)
    git(root, "config", "log.showSignature", "true")
    git(root, "config", "gpg.program", str(path))


def promisor(root: Path, path: Path) -> None:
    """An object is missing, and the configuration names the program that would fetch it."""
    git(root, "config", "extensions.partialClone", "origin")
    git(root, "config", "core.repositoryFormatVersion", "1")
    git(root, "config", "remote.origin.url", str(root.parent))
    git(root, "config", "remote.origin.promisor", "true")
    git(root, "config", "remote.origin.uploadpack", str(path))
    tree = git(root, "rev-parse", "HEAD~1^{tree}")
    (root / ".git/objects" / tree[:2] / tree[2:]).unlink()


def monitor(root: Path, path: Path) -> None:
    git(root, "config", "core.fsmonitor", str(path))


def pager(root: Path, path: Path) -> None:
    git(root, "config", "core.pager", str(path))
    git(root, "config", "pager.log", str(path))


def external_diff(root: Path, path: Path) -> None:
    git(root, "config", "diff.external", str(path))
    git(root, "config", "diff.x.textconv", str(path))
    git(root, "config", "log.diffMerges", "first-parent")
    (root / ".git/info").mkdir(exist_ok=True)
    (root / ".git/info/attributes").write_text("* diff=x\n", encoding="utf-8")


def included(root: Path, path: Path) -> None:
    """The same through a file that the configuration includes."""
    sign_first_commit(root)
    (root / "more.ini").write_text(f"[log]\nshowSignature = true\n[gpg]\nprogram = {path}\n", encoding="utf-8")
    git(root, "config", "include.path", "../more.ini")


def hook(root: Path, path: Path) -> None:
    shutil.copy(path, root / ".git/hooks/post-index-change")
    shutil.copy(path, root / ".git/hooks/reference-transaction")


def own_git(root: Path, path: Path) -> None:
    shutil.copy(path, root / "git")


@pytest.mark.parametrize("prepare", [gpg, promisor, monitor, pager, external_diff, included, hook, own_git])
def test_its_configuration_starts_no_program(
    checkout: Path, prepare: Callable[[Path, Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, mark = program(checkout.parent)
    prepare(checkout, path)
    monkeypatch.setenv("PATH", f".:{checkout}:{os.environ['PATH']}")
    monkeypatch.setenv("GIT_DIR", str(checkout / ".git"))
    monkeypatch.chdir(checkout)
    notes: list[str] = []
    commit, days = origin.commit(checkout, notes.append), origin.first_commits(checkout, notes.append)
    assert not mark.exists()
    assert commit == (checkout / ".git/refs/heads/main").read_text(encoding="utf-8").strip()
    if prepare is promisor:
        assert days == {}
        assert "the dates of first commits are unknown: git cannot read its history" in notes[0]
    else:
        assert notes == []
        assert {day.isoformat() for name, day in days.items() if name.endswith(".yaml")} == set(DAYS)


VERBS = {
    "data build": ("data", "build", "nuclei", "--from", "{}"),
    "data info": ("data", "info", "nuclei:{}"),
    "list scenarios": ("list", "scenarios", "--bench", "nuclei:{}"),
    "audit": ("audit", "nuclei:{}"),
    "run": ("run", "--bench", "nuclei:{}", "--method", "majority", "--dry-run"),
}


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_starts_its_programs(checkout: Path, tmp_path: Path, verb: str) -> None:
    path, mark = program(tmp_path)
    gpg(checkout, path)
    shell = Shell(tmp_path, tmp_path / "cache")
    done = shell(*(word.format(checkout) for word in VERBS[verb]))
    assert "Traceback" not in done.stderr
    assert not mark.exists(), done.stdout + done.stderr


def test_its_dates_and_commit_reach_the_corpus(checkout: Path, tmp_path: Path) -> None:
    done = Shell(tmp_path, tmp_path / "cache")("data", "build", "nuclei", "--from", checkout, "--out", "c.parquet")
    assert done.returncode == 0, done.stdout + done.stderr
    assert git(checkout, "rev-parse", "HEAD") in done.stdout
    assert "dates of first commits" not in done.stdout
    import pyarrow.parquet as pq

    assert set(pq.read_table(tmp_path / "c.parquet").column("added").to_pylist()) == set(DAYS)


def reftable(root: Path) -> None:
    (root / ".git/HEAD").write_text("ref: refs/heads/.invalid\n", encoding="utf-8")
    (root / ".git/reftable").mkdir()


def shallow(root: Path) -> None:
    (root / ".git/shallow").write_text(git(root, "rev-parse", "HEAD") + "\n", encoding="utf-8")


def outside(root: Path) -> None:
    (root.parent / "secret").write_text("0" * 40, encoding="utf-8")
    (root / ".git/HEAD").write_text("ref: refs/../../../secret\n", encoding="utf-8")


def circle(root: Path) -> None:
    (root / ".git/refs/heads/main").write_text("ref: refs/heads/main\n", encoding="utf-8")


def option(root: Path) -> None:
    (root / ".git/refs/heads/main").write_text("--output=written\n", encoding="utf-8")


def pipe(root: Path) -> None:
    (root / ".git/HEAD").unlink()
    os.mkfifo(root / ".git/HEAD")


def no_objects(root: Path) -> None:
    shutil.rmtree(root / ".git/objects")


def no_folder(root: Path) -> None:
    shutil.rmtree(root / ".git")
    (root / ".git").write_text(f"gitdir: {'x' * 5000}\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (reftable, "its references have the format reftable"),
        (shallow, "its history is shallow; git fetch --unshallow completes it"),
        (outside, "its file HEAD names no commit"),
        (circle, "its file HEAD names no commit"),
        (option, "its file HEAD names no commit"),
        (pipe, "its file HEAD is missing or not a regular file"),
        (no_objects, "its folder .git has no objects"),
        (no_folder, "its folder .git cannot be read (File name too long)"),
    ],
)
def test_what_cannot_be_read_is_said(checkout: Path, change: Callable[[Path], None], reason: str) -> None:
    change(checkout)
    notes: list[str] = []
    assert origin.first_commits(checkout, notes.append) == {}
    assert notes == [f"the dates of first commits are unknown: {reason}"]
    if change is not shallow:
        assert origin.commit(checkout, notes.append) == ""
        assert notes[1:] == [f"the commit of the checkout is unknown: {reason}"]


def packed(root: Path) -> Path:
    git(root, "pack-refs", "--all")
    git(root, "gc", "-q")
    return root


def work_tree(root: Path) -> Path:
    git(root, "worktree", "add", "-q", "-b", "other", str(root.parent / "linked"))
    return root.parent / "linked"


def detached(root: Path) -> Path:
    git(root, "checkout", "-q", "--detach")
    return root


@pytest.mark.parametrize("change", [packed, work_tree, detached])
def test_every_form_of_a_checkout_is_read(checkout: Path, change: Callable[[Path], Path]) -> None:
    notes: list[str] = []
    expected = git(checkout, "rev-parse", "HEAD")
    root = change(checkout)
    days = origin.first_commits(root, notes.append)
    assert origin.commit(root, notes.append) == expected
    assert {name: day.isoformat() for name, day in days.items()} == {
        f"{cwe.lower()}-{number}.yaml": day for day, cwe in zip(DAYS, ATTACKS, strict=True) for number in range(10)
    }
    assert notes == []


def test_sha256_repositories_are_read(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--object-format=sha256")
    (tmp_path / "a.yaml").write_text("a", encoding="utf-8")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "a")
    assert len(origin.commit(tmp_path)) == 64
    assert {name: day.isoformat() for name, day in origin.first_commits(tmp_path).items()} == {"a.yaml": DAYS[0]}


def test_names_of_files_are_not_taken_for_commits(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    names = ("commit 2001-01-01", "commit x", "two\nlines", "\nfirst")
    for name in names:
        (tmp_path / name).write_text(name, encoding="utf-8")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "a")
    assert {name: day.isoformat() for name, day in origin.first_commits(tmp_path).items()} == dict.fromkeys(
        names, DAYS[0]
    )


def test_a_few_objects_that_describe_millions_of_files_are_bounded(tmp_path: Path) -> None:
    """Each of eight trees holds ten times the next one: 10^8 files in nine objects."""
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("a", encoding="utf-8")
    entry = f"100644 blob {git(tmp_path, 'hash-object', '-w', 'a')}"
    for _ in range(8):
        lines = "".join(f"{entry}\tf{number}\n" for number in range(10))
        command = ["git", "-C", str(tmp_path), "mktree"]
        tree = subprocess.run(command, input=lines, capture_output=True, text=True, check=True).stdout.strip()
        entry = f"040000 tree {tree}"
    git(tmp_path, "update-ref", "HEAD", git(tmp_path, "commit-tree", tree, "-m", "a"))
    script = (
        "import sys; from pathlib import Path; from harness.sources import checkout, origin\n"
        "checkout._MAX_MEMORY = 2**28\n"  # reached sooner
        "assert origin.first_commits(Path(sys.argv[1]), print) == {}\n"
        # The peak of this process; unlike that of getrusage, without the memory of the one that started it. That of git
        # is limited by the system.
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    note, peak = done.stdout.strip().splitlines()
    assert "the dates of first commits are unknown: " in note
    assert int(peak) < 2**20, "kilobytes"


def test_git_that_does_not_end_is_stopped(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.sources import checkout as module

    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").write_text("#!/bin/sh\nexec sleep 600\n", encoding="utf-8")
    (tmp_path / "bin/git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(module, "MAX_SECONDS", 0.5)
    notes: list[str] = []
    assert origin.first_commits(checkout, notes.append) == {}
    assert notes == ["the dates of first commits are unknown: git takes longer than 0.5 s"]


def test_an_empty_checkout_is_not_mistaken_for_a_corpus(tmp_path: Path) -> None:
    from harness import registry
    from harness.benchmark import BenchmarkRef

    registry.discover()
    git(tmp_path, "init", "-q")
    with pytest.raises(UserError, match="has no usable rows"):
        registry.open_benchmark(BenchmarkRef("nuclei", str(tmp_path))).corpus()
