"""A user's mistake: one sentence, exit code 2, no traceback, nothing lost."""

import json
from pathlib import Path

import pytest

from tests.conftest import Shell, results_of


def check(shell: Shell, arguments: tuple[object, ...], complaint: str) -> None:
    done = shell("run", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert complaint in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--method", "tfidf-xgbost"), "did you mean tfidf-xgboost"),
        (("--method", ","), "name at least one method"),
        (("--bench", "files:nosuch"), "no such file"),
        (("--bench", "files"), "files:PATH"),
        (("--bench", "sinthetic"), "did you mean synthetic"),
        (("--bench", "synthetic:x"), "takes no argument"),
        (("--bench", "synthetic", "--map", "label=x"), "apply to files:PATH only"),
        (("--scenario", "idd"), "did you mean iid"),
        (("--trials", 0), "--trials 0"),
        (("--seconds", -1), "--seconds -1"),
        (("--seeds", "x"), "--seeds x"),
        (("--rows", "10,20"), "--rows 10,20: the value must be three numbers above 0"),
        (("--seeds", "4-2"), "--seeds 4-2"),
        (("--workers", 0), "--workers 0"),
        (("--memory", "lots"), "--memory lots"),
        (("--preset", "quik"), "did you mean quick"),
        (("--sampler", "cma"), "--sampler cma"),
        (("--ray-address", "auto"), "--ray-address auto requires --executor ray"),
        (("--plugin", "nosuch.py"), "no such file"),
        (("--results", "/proc/nosuch"), "cannot be written"),
    ],
)
def test_bad_arguments(shell: Shell, arguments: tuple[object, ...], complaint: str) -> None:
    check(shell, arguments, complaint)


@pytest.mark.parametrize(
    ("mapping", "complaint"),
    [
        ("payload=raw,label=nosuch", "no column nosuch"),
        ("payload=raw", "map the column of its label too"),
        ("payload=raw,lable=class", "did you mean label"),
        ("payload", "FIELD=COLUMN"),
        ("payload=raw,label=class,label=cve", "mapped twice"),
        ("payload=raw,label=class,date=class", "neither a year nor ISO 8601"),
    ],
)
def test_bad_mappings(shell: Shell, requests_file: Path, mapping: str, complaint: str) -> None:
    check(shell, ("--bench", f"files:{requests_file}", "--map", mapping), complaint)


def test_bad_files(shell: Shell, requests_file: Path) -> None:
    columns = ("--map", "payload=raw,label=class")
    for name, content, complaint in (
        ("empty.jsonl", b"", "is empty"),
        ("broken.jsonl", b'{"raw": "x", "class": "a"}\n{"raw":\n', "line 2: not JSON"),
        ("list.jsonl", b"[1]\n", "expected a JSON object"),
        ("blank.jsonl", b"\n\n", "has no rows"),
        ("half.jsonl", b'{"raw": "x", "class": "a\\ud800"}\n', "a lone surrogate"),
        ("cut.jsonl.gz", b"\x1f\x8b\x08\x00", "cannot be read"),
        ("no.parquet", b"PAR1", "is not a Parquet file"),
        ("one.jsonl", b'{"raw": "x", "class": "a"}\n', "at least two classes"),
        ("twice.csv", b"raw,class,class\nx,a,b\n", "has several columns named class"),
    ):
        path = shell.folder / name
        path.write_bytes(content)
        check(shell, ("--bench", f"files:{path}", *columns), complaint)
    check(shell, ("--bench", f"files:{requests_file}", *columns, "--where", "class=none"), "no rows match --where")
    check(shell, ("--bench", f"files:{requests_file}", *columns, "--where", "class"), "COLUMN=VALUE")
    check(shell, ("--bench", f"files:{requests_file}", *columns, "--scenario", "temporal"), "it needs dates")


def test_where_spells_booleans_as_json_and_late_columns_count(shell: Shell) -> None:
    path = shell.folder / "flags.jsonl"
    rows = [{"raw": f"x{i}", "class": "ab"[i % 2], "bad": i % 3 > 0} for i in range(1500)]
    rows[-1]["late"] = "g"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    arguments = ("--bench", f"files:{path}", "--map", "payload=raw,label=class,group=late+late", "--where", "bad=true")
    done = shell("run", "--dry-run", *arguments)
    assert done.returncode == 0, done.stderr
    assert "1000 payloads" in done.stdout


def test_a_corrupt_record_is_named_and_nothing_is_lost(shell: Shell, mapped: tuple[str, ...]) -> None:
    arguments = ("--method", "majority", *mapped, "--scenario", "random,temporal")
    assert shell("run", *arguments).returncode == 0
    before = results_of(shell.folder / "results/local")
    victim = next((shell.folder / "results/local").glob("*/random/*.json"))
    whole = victim.read_bytes()
    victim.write_bytes(whole[: len(whole) // 2])
    other = next((shell.folder / "results/local").glob("*/temporal/*.json"))
    other.unlink()
    done = shell("run", *arguments)
    assert done.returncode == 1, done.stdout
    assert "not run: " in done.stdout
    assert f"{victim.name} is not a complete record" in done.stdout
    assert "move it away and run again" in done.stdout
    assert other.exists()
    assert victim.read_bytes() == whole[: len(whole) // 2]
    victim.write_bytes(whole)
    assert results_of(shell.folder / "results/local") == before
    record = json.loads(whole)
    record["key"] = "0" * 64
    victim.write_text(json.dumps(record), encoding="utf-8")
    done = shell("run", *arguments)
    assert done.returncode == 1
    assert "contains the record of another cell" in done.stdout


def test_a_plug_in_that_does_not_load_is_one_sentence(shell: Shell) -> None:
    plugin = shell.folder / "plugin.py"
    plugin.write_text("import nosuchmodule\n", encoding="utf-8")
    check(shell, ("--plugin", plugin), "No module named 'nosuchmodule'. PYTHONPATH names folders with modules")
    plugin.write_text(
        "from harness import Method, register_method\n"
        "@register_method('needy', version=1, summary='', requires=('nosuchmodule.sub',))\n"
        "class Needy(Method):\n    def fit(self, train, validation, params, context): ...\n",
        encoding="utf-8",
    )
    check(shell, ("--plugin", plugin, "--method", "needy"), "needs the Python package nosuchmodule")
    plugin.write_text("raise SystemExit(0)\n", encoding="utf-8")
    check(shell, ("--plugin", plugin), "failed to load: SystemExit: 0")
    plugin.write_text("x = 1\n", encoding="utf-8")
    check(shell, ("--plugin", plugin), "registers nothing")
    check(shell, ("--plugin", f"{plugin},{plugin}"), "Repeat --plugin for several files.")
