"""How a record came about is stored by the project, whatever folder and environment a run is in."""

import json
import subprocess
from pathlib import Path

import pytest

from harness.records import provenance
from tests.conftest import ROOT, Shell


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_commit_is_this_projects_also_in_another_repository_and_under_its_hooks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no checkout")
    mine = git(ROOT, "rev-parse", "HEAD")
    git(tmp_path, "init", "--quiet")
    git(
        tmp_path, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--allow-empty", "-m", "x"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    provenance._source.cache_clear()
    assert provenance.here("x").source["commit"] == mine
    provenance._source.cache_clear()


def test_what_git_does_not_know_is_unknown_and_not_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no checkout")
    monkeypatch.setenv("PATH", "")
    provenance._source.cache_clear()
    source = provenance.here("x").source
    provenance._source.cache_clear()
    assert (source["commit"], source["dirty"]) == ("unknown", "unknown")
    assert len(source["digest"]) == 64


def test_gpus_are_named_by_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "_GPUS", tmp_path)
    assert provenance._gpu() == "absent"
    for bus, model in (("0000:01:00.0", "NVIDIA A100"), ("0000:02:00.0", "NVIDIA L4")):
        (tmp_path / bus).mkdir()
        text = f"Model: \t\t {model}\nIRQ:   \t\t 36\nVideo BIOS: \t ??.??\n"
        (tmp_path / bus / "information").write_text(text, encoding="utf-8")
    assert provenance._gpu() == "NVIDIA A100, NVIDIA L4"


def test_the_command_is_quoted_for_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/somewhere/harness/__main__.py", "run", "--where", "kind=single|attack step"])
    assert provenance.command_line() == "harness run --where 'kind=single|attack step'"
    monkeypatch.setattr("sys.argv", ["/somewhere/bin/harness", "list"])
    assert provenance.command_line() == "harness list"


def test_a_record_tells_machine_packages_source_and_command(shell: Shell, mapped: tuple[str, ...]) -> None:
    assert shell("run", "--method", "majority", "--scenario", "random", *mapped).returncode == 0
    (path,) = (shell.folder / "results/local").glob("*/*/*.json")
    stored = json.loads(path.read_text(encoding="utf-8"))["provenance"]
    keys = {"processor", "cores", "gpu", "threads", "precision", "system", "python", "host"}
    assert set(stored["machine"]) == keys
    assert stored["machine"]["threads"] == "1"
    assert {"numpy", "torch", "scikit-learn", "shortcut-harness"} <= set(stored["packages"])
    assert len(stored["source"]["digest"]) == 64
    assert stored["command"].startswith("harness run --method majority")
