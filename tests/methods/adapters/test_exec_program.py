"""Programs as methods: real ones, good and bad."""

import os
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import psutil
import pytest
from harness.methods.base.answers import AdapterError

from harness import Context, Payloads, TrainingData, UserError, registry
from harness.data.taxonomy import threat_class
from harness.execution.budget import Budget, Ledger, OverBudget
from harness.method import MethodInfo, MethodRef, Predictor
from tests.conftest import ROOT, Shell, results_of

CLASSES = ("sql-injection", "path-traversal", "open-redirect")
PAYLOADS = Payloads.from_list([b"GET /?id=%d HTTP/1.1\r\n\r\n" % i for i in range(40)])
TRAIN = TrainingData(PAYLOADS, labels=np.repeat([0, 1], 20))

# Behaves as its argument says. `again` is a file that is there once it has died.
PROGRAM = """
import json, os, subprocess, sys, time
way, count = sys.argv[1], 0
def answer(id, **more): print(json.dumps({"id": id, **(more or {"label": "path-traversal"})}), flush=True)
if way == "hang": time.sleep(600)
if way == "die": sys.exit("no model at hand")
if way == "flood":
    while True: sys.stdout.write("x" * 65536)
if way == "lines":
    while True: print('{"id": 0, "label": "sql-injection"}')
if way == "burn":
    while True: pass
if way == "leaves": os.setsid()
if way == "orphans": subprocess.Popen(["sleep", sys.argv[2]])
if way == "backwards":
    asked = [json.loads(sys.stdin.readline())["id"] for _ in range(40)]
    for id in reversed(asked): answer(id)
for line in sys.stdin:
    id, count = json.loads(line)["id"], count + 1
    if way == "prose": print("Sure! This looks like SQL injection.", flush=True)
    elif way == "array": print("[1]", flush=True)
    elif way == "deep": print("[" * 60000, flush=True)
    elif way == "unknown": answer(id, label="sqli")
    elif way == "nan": answer(id, probabilities={"sql-injection": float("nan")})
    elif way == "sum": answer(id, probabilities={"sql-injection": 0.5, "open-redirect": 0.2})
    elif way == "id": answer(id + 1000)
    elif way == "twice": answer(0)
    elif way == "more": answer(id); answer(id) if id == 38 else None
    elif way == "bare": print(json.dumps({"id": id}), flush=True)
    elif way == "few" and count == 10: sys.exit(0)
    elif way == "silent" and count > 10: pass
    elif way == "once" and count == 10 and not os.path.exists("again"):
        open("again", "w").close(); os.kill(os.getpid(), 9)
    elif way == "work":
        end = time.process_time() + 0.4 * (count == 1)
        while time.process_time() < end: pass
        answer(id)
    elif way == "orphans": time.sleep(600)
    elif way == "mixed": answer(id, probabilities={"a": 0.25, "b": 0.25, "quiet": 0.5})
    else: answer(id)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    registry.discover()
    return tmp_path


def opened(way: str, timeout: float = 30, labels: dict[str, str] | None = None) -> MethodInfo:
    return registry.open_method(MethodRef("exec", f"{sys.executable} program.py {way}", labels or {}, timeout))


def fitted(way: str, ledger: Ledger | None = None, **more: object) -> Predictor:
    ledger = ledger or Ledger(Budget(1, 60))
    context = Context(0, tuple(map(threat_class, CLASSES)), "cpu", "float32", ledger.shared, charge=ledger.charge)
    return opened(way, **more).factory().fit(TRAIN, TRAIN, {}, context)  # type: ignore[arg-type]


@pytest.mark.parametrize("way", ["good", "backwards"])
def test_answers_come_in_any_order(folder: Path, way: str) -> None:
    table = fitted(way).predict_proba(PAYLOADS)
    assert table.shape == (40, 3)
    assert (table.argmax(axis=1) == 1).all()


def test_it_is_asked_again_and_again_with_any_bytes(folder: Path) -> None:
    predictor = fitted("good")
    odd = Payloads.from_list([b"", b"\x00\n\xff", b"A" * 300_000])
    assert len(predictor.predict_proba(odd)) == 3
    assert len(predictor.predict_proba(Payloads.from_list([]))) == 0
    assert len(predictor.predict_proba(PAYLOADS)) == 40


def test_labels_are_mapped_and_no_opinion_is_the_floor(folder: Path) -> None:
    predictor = fitted("mixed", labels={"a": "open-redirect", "b": "open-redirect", "quiet": "-"})
    table = predictor.predict_proba(PAYLOADS)
    assert table[7].tolist() == pytest.approx([0.25, 0.25, 0.5])  # half of the training is of either first class
    assert predictor.notes == ["40 of 40 answers held no opinion; the class shares of training stand for them"]


@pytest.mark.parametrize(
    ("way", "complaint"),
    [
        ("hang", "no answer for 0.3 s"),
        ("silent", "no answer for 0.3 s"),
        (
            "die",
            r"exit code 1 \(no model at hand\); 40 of 40 payloads had no answer yet, and it had been restarted once",
        ),
        ("few", "exit code 0; 22 of 40 payloads had no answer yet"),
        ("flood", "a line of more than 65536 bytes"),
        ("lines", "the id 0, which is not open"),
        ("prose", "'Sure! This looks like SQL injection.', which is not JSON"),
        ("array", "not a JSON object"),
        ("deep", "not JSON"),
        ("unknown", r"the label 'sqli' is not a class of this corpus; map it with --labels sqli=CLASS .*open-redirect"),
        ("nan", "nan as the probability of 'sql-injection'"),
        ("sum", "sum to 0.7"),
        ("id", "the id 1000, which is not open"),
        ("twice", "the id 0, which is not open"),
        ("more", "the id 38, which is not open"),
        ("bare", '"label" or an object "probabilities" is required'),
    ],
)
def test_what_cannot_be_used_is_named(folder: Path, way: str, complaint: str) -> None:
    predictor = fitted(way, timeout=0.3 if way in ("hang", "silent") else 30)
    tracemalloc.start()
    began = time.monotonic()
    with pytest.raises(AdapterError, match=complaint):
        predictor.predict_proba(PAYLOADS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6, "output is not held"
    assert time.monotonic() - began < 20


def test_a_death_is_survived_once_and_noted(folder: Path) -> None:
    predictor = fitted("once")
    assert len(predictor.predict_proba(PAYLOADS)) == 40
    assert predictor.notes == ["the program was started again once: it ended with exit code -9"]


def test_its_processor_time_is_charged_and_bounded(folder: Path) -> None:
    ledger = Ledger(Budget(1, 60))
    before = time.process_time()
    fitted("work", ledger).predict_proba(PAYLOADS)
    own = time.process_time() - before
    assert 0.38 <= ledger.child_seconds < 1.5
    assert ledger.own_seconds == pytest.approx(own + ledger.child_seconds, abs=0.1)
    ledger = Ledger(Budget(1, 0.5))
    predictor = fitted("burn", ledger)
    with pytest.raises(OverBudget), ledger.trial():
        predictor.predict_proba(PAYLOADS)
    assert ledger.limit_reached


def test_a_trial_s_limit_of_processor_time_does_not_end_it_later(folder: Path) -> None:
    """In a process of its own, which the limit may end: forking a large process can take a second by itself."""
    code = "import tests.methods.adapters.test_exec_program as tests; tests.burn_after_a_short_trial()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, "no answer for 2.5 s\n"), done.stderr


def burn_after_a_short_trial() -> None:
    registry.discover()
    ledger = Ledger(Budget(1, 0.1))  # the limit's soft part would be one second
    with ledger.trial():
        predictor = fitted("burn", Ledger(Budget(1, 60)), timeout=2.5)
    with pytest.raises(AdapterError) as raised:
        predictor.predict_proba(PAYLOADS)
    print(next(text for text in ("no answer for 2.5 s", str(raised.value)) if text in str(raised.value)))


def living(word: str) -> list[psutil.Process]:
    return [p for p in psutil.process_iter(["cmdline", "status"]) if word in (p.info["cmdline"] or [])]


def gone(word: str) -> bool:
    deadline = time.monotonic() + 5
    while living(word) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not living(word)


def test_one_that_leaves_its_group_ends_too(folder: Path) -> None:
    word = f"{500 + os.getpid() / 1e7:.7f}"
    predictor = fitted(f"leaves {word}")
    assert len(predictor.predict_proba(PAYLOADS)) == 40
    del predictor
    assert gone(word)


def test_its_whole_group_ends_with_the_predictor(folder: Path) -> None:
    word = f"{600 + os.getpid() / 1e7:.7f}"
    predictor = fitted(f"orphans {word}", timeout=1.5)
    with pytest.raises(AdapterError):
        predictor.predict_proba(PAYLOADS)
    assert len(living(word)) == 2, "the program and what it started"
    del predictor
    assert gone(word)


def test_bad_programs_end_their_own_cells_only(shell: Shell, mapped: tuple[str, ...]) -> None:
    """One run: a hang that the wall limit ends, garbage, a death, too few answers, a flood; and two that are well."""
    (shell.folder / "program.py").write_text(PROGRAM, encoding="utf-8")
    word = f"{700 + os.getpid() / 1e7:.7f}"
    reasons = {
        f"orphans {word}": "the wall limit of 1 s of budget",
        "prose": "not JSON",
        "die": "no model at hand",
        "few": "had no answer yet",
        "flood": "a line of more than 65536 bytes",
    }
    names = {way: f"exec:{sys.executable} program.py {way}" for way in (*reasons, "good")}
    arguments = ("run", "--method", ",".join([*names.values(), "majority"]), *mapped, "--scenario", "random",
                 "--seconds", 1)  # fmt: skip
    done = shell(*arguments)
    assert done.returncode == 1, done.stdout + done.stderr
    for way, reason in reasons.items():
        line = next(line for line in done.stdout.splitlines() if line.startswith(f"failed: {names[way]} on random"))
        assert reason in line
    status = {r["cell"]["method"]: r["status"] for r in results_of(shell.folder / "results/local").values()}  # type: ignore[index]
    assert status == {**{names[way]: "failed" for way in reasons}, names["good"]: "done", "majority": "done"}
    assert gone(word), "the worker was killed, and the program's group with it"
    assert gone("program.py")
    assert "0 to run, 7 with a record" in shell(*arguments).stdout


def test_the_key_holds_what_the_program_is(folder: Path) -> None:
    first = opened("good").adapter
    assert opened("good").adapter == first
    assert opened("good", labels={"a": "b"}).adapter != first
    assert opened("good", timeout=6).adapter != first
    assert opened("other").adapter != first
    (folder / "program.py").write_text(PROGRAM + "\n", encoding="utf-8")
    assert opened("good").adapter != first


def test_a_changed_program_is_run_again(shell: Shell, mapped: tuple[str, ...]) -> None:
    program = shell.folder / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    arguments = ("run", "--method", "exec:python3 program.py good", *mapped, "--scenario", "random")
    assert shell(*arguments).returncode == 0
    assert "0 to run, 1 with a record" in shell(*arguments).stdout
    verified = shell("results", "verify", "--results", "results/local", "--allow-external", *mapped)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    program.write_text(PROGRAM.replace("path-traversal", "open-redirect"), encoding="utf-8")
    again = shell("results", "verify", "--results", "results/local", "--allow-external", *mapped)
    assert "adapter/digest" in again.stdout
    assert "1 to run, 0 with a record" in shell(*arguments).stdout
    records = results_of(shell.folder / "results/local").values()
    assert len({r["cell"]["adapter"]["digest"] for r in records}) == 2  # type: ignore[index]


@pytest.mark.parametrize(
    ("argument", "complaint"),
    [
        ("./nosuch", "there is no file ./nosuch"),
        ("nosuchprogram", "there is no program nosuchprogram on the PATH"),
        ("program.py", "write exec:./program.py"),
        ("./program.py", "is not executable; run chmod"),
        ("python3 'x", "quotes do not match"),
        ("", "requires an argument: exec:PROGRAM"),
    ],
)
def test_a_mistake_is_one_sentence(folder: Path, argument: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        registry.open_method(MethodRef("exec", argument))
