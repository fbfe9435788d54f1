"""Training on one corpus and testing on another: shared classes, unseen attacks, notes on rows left out."""

import json
from pathlib import Path

import numpy as np
import pytest

from harness import BenchmarkRef, Sizes, UserError, registry
from harness.scenarios import splits
from harness.scenarios.cross_corpus import CROSS_SOURCE, TARGET
from tests.conftest import Shell
from tests.harness.scenarios.test_generic import word

HERE = ("open-redirect", "path-traversal", "sql-injection", "code-injection")
THERE = ("sqli", "Path Traversal", "path_traversal", "code_injection", "open-redirect")


def write(path: Path, classes: tuple[str, ...], first: int, rows: int = 400) -> BenchmarkRef:
    """Requests of CVEs of four rows each; every twentieth one stands in both files."""
    with path.open("w", encoding="utf-8") as stream:
        for i in range(rows):
            number = i if i % 20 == 0 else first + i
            row = {
                "raw": f"GET /{word(number)} HTTP/1.1\nHost: h\n",
                "kind": classes[i % len(classes)],
                "cve": f"CVE-2020-{first + i // 4}",
                "text": f"Text {i % 50}.",
            }
            stream.write(json.dumps(row) + "\n")
    return BenchmarkRef("files", str(path), {"payload": "raw", "label": "kind", "cve": "cve", "description": "text"})


@pytest.fixture(scope="module")
def refs(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> tuple[BenchmarkRef, BenchmarkRef]:
    registry.discover()
    folder = tmp_path_factory.mktemp("cross")
    return write(folder / "here.jsonl", HERE, 1000), write(folder / "there.jsonl", THERE, 5000)


def cross(refs: tuple[BenchmarkRef, BenchmarkRef]) -> BenchmarkRef:
    here, there = refs
    return BenchmarkRef(here.name, here.argument, here.mapping, target=there)


def test_shared_classes_train_here_and_are_tested_there(refs: tuple[BenchmarkRef, BenchmarkRef]) -> None:
    benchmark = registry.open_benchmark(cross(refs))
    corpus = benchmark.corpus()
    assert corpus.meta.name == "files-here-to-files-there"
    assert corpus.classes == ("open-redirect", "path-traversal", "sql-injection")
    notes = " ".join(corpus.meta.notes)
    assert "shared classes: open-redirect, path-traversal, sql-injection" in notes
    assert "files-here: code-injection (100)" in notes
    assert "files-there: Path Traversal (80), code_injection (80)" in notes
    assert list(benchmark.scenarios()) == [CROSS_SOURCE]
    assert CROSS_SOURCE.shift == "source"
    there = np.array(corpus.table.column(TARGET).to_pylist()) == "target files-there"
    tested = []
    for seed in range(splits.FOLDS):
        scenario = benchmark.build(corpus, CROSS_SOURCE, seed, Sizes())
        _, core = splits.link(corpus, ["cve"])
        test = scenario.environments["test"].rows
        tested.append(set(test.tolist()))
        assert there[test].all()
        for part in (scenario.train, scenario.validation, scenario.environments["id"]):
            assert not there[part.rows].any()
            assert not set(core[part.rows]) & set(core[test])
        assert not set(core[scenario.train.rows]) & set(core[scenario.environments["id"].rows])
    assert set.union(*tested) == set(np.flatnonzero(there).tolist())
    assert sum(map(len, tested)) == there.sum()


def test_a_cell_runs_and_its_key_depends_on_the_target(refs: tuple[BenchmarkRef, BenchmarkRef], shell: Shell) -> None:
    here, there = refs
    columns = "payload=raw,label=kind,cve=cve"
    arguments = ("--method", "majority", "--bench", f"files:{here.argument}", "--map", columns)
    target = ("--target", f"files:{there.argument}", "--target-map", columns)
    done = shell("run", *arguments, *target, "--target-where", "kind=sqli|open-redirect")
    assert done.returncode == 0, done.stderr
    assert "cross-source: source" in done.stdout
    assert shell("run", *arguments, *target).returncode == 0
    records = [json.loads(path.read_text()) for path in shell.folder.glob("results/local/*/cross-source/*.json")]
    assert len({record["key"] for record in records}) == 2
    assert all(record["result"]["metrics"]["test"]["macro_f1"] > 0 for record in records)


def test_targets_that_cannot_be_used_are_one_sentence(refs: tuple[BenchmarkRef, BenchmarkRef], shell: Shell) -> None:
    here, there = refs
    few = BenchmarkRef(there.name, there.argument, there.mapping, {"kind": ("sqli", "code_injection")})
    benchmark = registry.open_benchmark(cross((here, few)))
    with pytest.raises(UserError, match="shares only 1 class with files-here; at least 2 are required"):
        benchmark.corpus()
    done = shell("run", "--target-map", "label=x")
    assert done.returncode == 2
    assert "--target-map and --target-where require --target CORPUS" in done.stderr
