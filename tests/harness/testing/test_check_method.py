"""``harness check method`` as its user sees it: code that hangs, crashes or prints costs one line."""

from pathlib import Path

from tests.conftest import Shell

HOSTILE = """
import ctypes, os, sys, time
import numpy as np
from harness import Float, Method, Predictor, register_method

class Table(Predictor):
    def predict_proba(self, payloads):
        if len(payloads) == 0: os._exit(3)
        if b"" in list(payloads): ctypes.string_at(0)
        return np.full((len(payloads), 4), 0.25, np.float32)

@register_method("hostile", version=1, summary="does what it should not")
class Hostile(Method):
    space = {"a": Float(0, 1, default=0.5)}
    def fit(self, train, validation, params, context):
        print("fitting with", len(train), "rows")
        if context.should_stop(): time.sleep(3600)
        if len(train) > 60: held = [np.ones(1 << 24) for _ in range(10_000)]
        return Table()
"""


def test_hang_crash_and_leak_end_as_failed_checks(shell: Shell) -> None:
    (shell.folder / "hostile.py").write_text(HOSTILE, encoding="utf-8")
    done = shell("check", "method", "hostile", "--plugin", "hostile.py", "--seconds", 4, "--memory", 1, "--verbose")
    assert done.returncode == 1, done.stderr
    assert done.stderr == ""
    lines = {
        line.split()[1]: line for line in done.stdout.splitlines() if line.startswith(("passed", "failed", "not-"))
    }
    for name, status, text in (
        ("fits", "passed", "60 payloads"),
        ("predicts-nothing", "failed", "exit code 3"),
        ("learns", "failed", "its accuracy on separable rows is 0.2"),
        ("stops-at-once", "failed", "still running after 4 s"),
        ("predicts-oddities", "failed", "SIGSEGV"),
        ("trains-on-oddities", "failed", "MemoryError"),
        ("bounds-its-memory", "not-applicable", "not run: predicts-oddities failed"),
    ):
        assert lines[name].startswith(status), lines[name]
        assert text in lines[name]
    assert "fitting with 60 rows" in done.stdout
    assert "9 passed, 5 failed, 2 not applicable" in done.stdout.splitlines()[-1]


def test_a_method_that_conforms_is_exit_code_0(shell: Shell) -> None:
    done = shell("check", "method", "majority")
    assert done.returncode == 0, done.stdout
    assert "failed " not in done.stdout
    assert done.stdout.splitlines()[-1] == "majority: 14 passed, 0 failed, 2 not applicable."


def test_mistakes_are_one_sentence_and_exit_code_2(shell: Shell, tmp_path: Path) -> None:
    for arguments, complaint in (
        (("majorty",), "did you mean majority"),
        (("majority", "--plugin", "nosuch.py"), "no such file"),
        (("majority", "--seconds", 0), "--seconds 0"),
        (("majority", "--memory", "much"), "--memory much"),
    ):
        done = shell("check", "method", *arguments)
        assert done.returncode == 2, done.stdout
        assert complaint in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
