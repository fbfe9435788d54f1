"""The core without extras: everything but the neural methods works, and what is missing is named with its command."""

import json
import os

import pytest

from tests.packaging.conftest import CoreShell

NEURAL = "pip install 'shortcut-harness[neural]'"
FULL = bool(os.environ.get("HARNESS_FULL_ROUNDS"))
SMALL = ("--trials", "1", "--rows", "60,30,60", "--scenario", "random")


def test_all_skips_what_cannot_run_and_everything_else_works(core: CoreShell, mapped: tuple[str, ...]) -> None:
    done = core("run", "--method", "all", *mapped, *SMALL, "--save-models")
    assert done.returncode == 0, done.stdout + done.stderr
    (note,) = (line for line in done.stdout.splitlines() if line.startswith("note: skipped: "))
    assert "byte-cnn" in note
    assert "torch" in note
    assert note.endswith(f"install them with: {NEURAL}")
    records = [json.loads(path.read_text()) for path in core.folder.glob("results/local/*/*/*.json")]
    strategies = {f"{name}:ngrams" for name in ("carrier-mix", "field-dropout", "header-mix", "jtt", "rwg")}
    names = {"majority", "nearest-neighbor", "tfidf-logreg", "tfidf-forest", "tfidf-xgboost", *strategies}
    assert {record["cell"]["method"] for record in records} == names
    assert all(record["status"] == "done" for record in records)
    assert all(record["provenance"]["packages"]["numpy"] != "absent" for record in records)

    corpus, *mapping = mapped[1:]
    # Pairs with one learner are loaded by the same code: the fast tests look at one of them.
    for record in records if FULL else [r for r in records if r["cell"]["method"] not in strategies - {"jtt:ngrams"}]:
        done = core("predict", corpus, *mapping, "--record", record["key"][:16], "--out", "lines.jsonl")
        assert done.returncode == 0, done.stderr
        assert len((core.folder / "lines.jsonl").read_text().splitlines()) == 480
    for command in (("report",), ("results", "status"), ("results", "budget", "--results", "results/local")):
        done = core(*command)
        assert done.returncode == 0, (command, done.stdout + done.stderr)
    assert (core.folder / "report.html").stat().st_size > 1_000_000
    done = core("leaderboard", "--results", "results/local")
    assert done.returncode == 0, done.stderr
    assert (core.folder / "leaderboard.md").is_file()


def test_audit_needs_no_extra(core: CoreShell, mapped: tuple[str, ...]) -> None:
    done = core("audit", *mapped[1:], "--out", "audit", "--scenario", "random", "--seeds", "1")
    assert done.returncode == 0, done.stdout + done.stderr


def test_lists_say_what_is_not_installed(core: CoreShell) -> None:
    done = core("list", "methods")
    assert done.returncode == 0, done.stderr
    (note,) = (line for line in done.stdout.splitlines() if line.startswith("not installed: "))
    assert "byte-image" in note
    assert note.endswith("install them with: pip install 'shortcut-harness[image,neural]'")
    for command in (("list", "benchmarks"), ("list", "scenarios", "--bench", "synthetic"), ("--version",)):
        assert core(*command).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run", "--method", "byte-cnn"), f"byte-cnn needs torch and transformers; install them with: {NEURAL}."),
        (("run", "--method", "all,transformer"), "transformer needs torch, tokenizers and transformers; install them"),
        (("run", "--method", "byte-image"), "install them with: pip install 'shortcut-harness[image,neural]'"),
        (
            ("run", "--method", "modsecurity:."),
            "needs libmodsecurity; install it with: pip install 'shortcut-harness[rules]'",
        ),
        (("run", "--perturb", "syntax"), "needs bashlex, selectolax and sqlglot; install them with: pip install"),
        (("run", "--executor", "ray"), "--executor ray needs ray; install it with: pip install"),
        (("check", "method", "byte-cnn"), f"byte-cnn needs torch and transformers; install them with: {NEURAL}."),
    ],
)
def test_what_is_named_and_missing_is_one_sentence(
    core: CoreShell, mapped: tuple[str, ...], arguments: tuple[str, ...], sentence: str
) -> None:
    (core.folder / "a.conf").write_text("SecMarker END\n", encoding="utf-8")  # rules for modsecurity
    done = core(*arguments, *(() if arguments[0] == "check" else (*mapped, *SMALL)))
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("harness: ")
    assert done.stderr.count("\n") == 1
    assert sentence in done.stderr


def test_the_conformance_suite_checks_a_method_of_the_core(core: CoreShell) -> None:
    done = core("check", "method", "tfidf-logreg")
    assert done.returncode == 0, done.stdout + done.stderr
