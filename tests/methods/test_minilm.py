"""The encoder: found without a network, refused when its weights are others."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from methods.neural import minilm
from tests.conftest import Shell

ARGUMENTS = ("--method", "transformer", "--scenario", "iid", "--trials", 1)


@pytest.fixture
def own_shell(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "no-hub-cache"))
    return Shell(tmp_path, cache)


def test_the_verified_weights_are_found() -> None:
    assert (minilm.folder() / "tokenizer.json").is_file()


def test_other_weights_stop_the_run_in_one_sentence(own_shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = own_shell.folder / "encoder"
    shutil.copytree(minilm.folder(), wrong)
    with (wrong / "model.safetensors").open("r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        stream.write(b"\x00")
    monkeypatch.setenv("HARNESS_MINILM", str(wrong))
    done = own_shell("run", *ARGUMENTS)
    assert done.returncode == 2
    assert "has SHA-256" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (own_shell.folder / "results").exists()
    monkeypatch.setenv("HARNESS_MINILM", str(own_shell.folder))
    assert "holds no model.safetensors" in own_shell("run", *ARGUMENTS).stderr


@pytest.mark.slow
def test_the_run_works_without_a_network(own_shell: Shell) -> None:
    if subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode:
        pytest.skip("this machine lets no process leave the network (unshare --net)")
    done = subprocess.run(
        ["unshare", "--net", *own_shell.command("run", *ARGUMENTS)],
        capture_output=True,
        text=True,
        cwd=own_shell.folder,
        env=own_shell.environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
