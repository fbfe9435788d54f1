"""Training on one corpus and testing on another: shared classes, unseen attacks, notes on rows left out."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness import BenchmarkRef, Sizes, UserError, load_results, registry
from harness.scenarios import splits
from harness.scenarios.cross_corpus import CROSS_SOURCE, TARGET, shared_names
from harness.statistics.intervals import t_interval
from tests.conftest import Shell
from tests.harness.scenarios.test_generic import word

HERE = ("open-redirect", "path-traversal", "sql-injection", "template-injection", "ldap-injection")
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
    assert corpus.classes == ("code-injection", "open-redirect", "path-traversal", "sql-injection")
    notes = " ".join(corpus.meta.notes)
    assert "shared classes: code-injection, open-redirect, path-traversal, sql-injection" in notes
    assert "files-here: ldap-injection (80)" in notes
    assert "files-there: Path Traversal (80) is path-traversal, code_injection (80) is code-injection" in notes
    assert "files-here: template-injection (80) is code-injection" in notes
    assert list(benchmark.scenarios()) == [CROSS_SOURCE]
    assert CROSS_SOURCE.shift == "source"
    there = np.array(corpus.table.column(TARGET).to_pylist()) == "target files-there"
    draws = []
    for seed in range(splits.FOLDS + 1):
        scenario = benchmark.build(corpus, CROSS_SOURCE, seed, Sizes(30, 20, 10))
        _, core = splits.link(corpus, ["cve"])
        test = scenario.environments["test"].rows
        assert test.tolist() == np.flatnonzero(there).tolist()  # every row of the target, whatever the sizes
        assert len(scenario.train.rows) == 30
        assert len(scenario.environments["id"].rows) == 10
        for part in (scenario.train, scenario.validation, scenario.environments["id"]):
            assert not there[part.rows].any()
            assert not set(core[part.rows]) & set(core[test])
        assert not set(core[scenario.train.rows]) & set(core[scenario.environments["id"].rows])
        draws.append(tuple(scenario.train.rows.tolist()))
    assert len(set(draws)) == len(draws)


@pytest.mark.parametrize(
    ("own", "target", "names"),
    [
        (["sqli", "none"], ["SQL Injection", "Normal"], {"sql-injection": 2, "benign": 2}),
        (["code-injection", "template-injection"], ["code_injection"], {"code-injection": 3}),
        (["server-side-include"], ["code-injection"], {"code-injection": 2}),
        (
            ["code-injection", "template-injection"],
            ["Code Injection", "SSTI"],
            {"code-injection": 2, "template-injection": 2},
        ),
        (["server-side-request-forgery", "xml-external-entity"], ["ssrf_xxe"], {"ssrf_xxe": 3}),
        (["ssrf_xxe"], ["ssrf"], {"ssrf_xxe": 2}),
        (["command-injection"], ["template-injection"], {}),
        (["flood", "scan"], ["flood", "other"], {"flood": 2}),
    ],
)
def test_classes_match_by_what_they_stand_for(own: list[str], target: list[str], names: dict[str, int]) -> None:
    ours, theirs = shared_names(own, target)
    assert Counter([*ours.values(), *theirs.values()]) == names


def test_labels_as_written_and_by_the_taxonomy_give_the_same_rows(refs: tuple[BenchmarkRef, BenchmarkRef]) -> None:
    here, there = refs
    by_taxonomy = {**there.mapping, "label.taxonomy": there.mapping["label"]}
    del by_taxonomy["label"]
    as_written = registry.open_benchmark(cross(refs)).meta()
    assert registry.open_benchmark(cross((here, replace(there, mapping=by_taxonomy)))).meta().hash == as_written.hash


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


def test_intervals_add_the_sampling_of_the_target_to_that_of_training(
    refs: tuple[BenchmarkRef, BenchmarkRef], shell: Shell
) -> None:
    here, there = refs
    columns = "payload=raw,label=kind,cve=cve"
    arguments = ("--bench", f"files:{here.argument}", "--map", columns, "--rows", "60,20,20", "--seeds", "3")
    target = ("--target", f"files:{there.argument}", "--target-map", columns)
    done = shell("run", "--method", "majority,nearest-neighbor", *arguments, *target, "--preset", "standard")
    assert done.returncode == 0, done.stderr
    results = load_results(shell.folder / "results" / "local")
    (board,) = results.boards()
    assert "all seeds test the same 100 units: intervals are over training draws and over these units" in board.notes
    row = next(row for row in board.rows if row.method == "nearest-neighbor")
    assert row.score is not None
    assert row.sample is not None
    assert row.sample.influence is not None
    assert (~np.isnan(row.sample.influence)).sum(axis=1).tolist() == [100] * 3
    assert list(row.sample.folds) == [0] * 3
    draws_alone = t_interval(row.sample._replace(influence=None))
    assert row.score.mean == draws_alone.mean
    assert row.score.half_width != draws_alone.half_width
    scenario, score = (r for r in results.contrast("nearest-neighbor", "majority").arrow.to_pylist())
    assert scenario["seeds"] == score["seeds"] == 3
    assert scenario["low"] == pytest.approx(score["low"])
    assert scenario["p"] == pytest.approx(score["p"])


def test_targets_that_cannot_be_used_are_one_sentence(refs: tuple[BenchmarkRef, BenchmarkRef], shell: Shell) -> None:
    here, there = refs
    few = BenchmarkRef(there.name, there.argument, there.mapping, {"kind": ("Path Traversal", "path_traversal")})
    benchmark = registry.open_benchmark(cross((here, few)))
    with pytest.raises(UserError, match="shares only 1 class with files-here; at least 2 are required"):
        benchmark.corpus()
    done = shell("run", "--target-map", "label=x")
    assert done.returncode == 2
    assert "--target-map and --target-where require --target CORPUS" in done.stderr
