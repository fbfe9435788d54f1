"""``harness audit`` as its user meets it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from harness import BenchmarkRef, registry
from harness.auditing.examine import audit
from harness.auditing.verdicts import NAMES, probe_means
from tests.conftest import Shell
from tests.harness.auditing.corpora import request
from tests.harness.cli.test_light_start import loaded

FAMILIES = "xss|path_traversal|sqli|command_injection|code_injection|ssrf_xxe|file_upload|open_redirect"


def write(path: Path, rows: list[dict[str, object]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return f"files:{path}"


@pytest.fixture
def by_agent(tmp_path: Path) -> tuple[str, ...]:
    """A corpus whose class equals its User-Agent and that offers nothing else."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(240):
        label = ("alpha", "beta", "gamma")[i % 3]
        rows.append({"raw": request(rng, agent=f"tool-of-{label}/1.{i % 5}").decode(), "class": label, "team": i // 2})
    columns = "payload=raw,label=class,group=team"
    return (write(tmp_path / "agents.jsonl", rows), "--map", columns, "--scenario", "group-disjoint", "--seeds", "1")


def test_a_class_that_equals_its_user_agent_is_flagged_by_name(shell: Shell, by_agent: tuple[str, ...]) -> None:
    done = shell("audit", *by_agent, "--out", "card", "--fail-on", "leaks=0,cue=0.5,headers=0.5,values=0.6")
    assert done.returncode == 1, done.stdout + done.stderr
    flagged = [line for line in done.stdout.splitlines() if line.startswith("fail-on: ")]
    assert [line.split()[1] for line in flagged] == ["cue", "headers"]
    assert "tool-of-" in flagged[0]
    found = json.loads((shell.folder / "card/audit.json").read_text(encoding="utf-8"))
    for name, cues in found["cues"][0]["classes"].items():
        assert f"tool-of-{name}" in json.dumps(cues[0]) or f"tool of {name}" in cues[0]["value"]
        assert cues[0]["strength"] > 0.9
    assert "tool-of-alpha" in (shell.folder / "card/audit.md").read_text(encoding="utf-8")
    assert found["figures"]["leaks"]["value"] == 0


def test_thresholds_that_hold_give_exit_code_0_and_nothing_is_written(shell: Shell, by_agent: tuple[str, ...]) -> None:
    before = {path.name for path in shell.folder.iterdir()}
    done = shell("audit", *by_agent, "--fail-on", "leaks=0,cue=1,headers=1", "--top", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No leak" in done.stdout
    assert {path.name for path in shell.folder.iterdir()} == before


def test_two_processes_write_the_same_bytes(
    shell: Shell, by_agent: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in "12":
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        assert shell("audit", *by_agent, "--out", f"out-{seed}").returncode == 0
    for name in ("audit.json", "audit.md"):
        one, other = ((shell.folder / f"out-{seed}" / name).read_bytes() for seed in "12")
        assert one == other


def test_a_split_with_a_row_on_both_sides_is_flagged_by_name(shell: Shell) -> None:
    plugin = shell.folder / "leaking.py"
    plugin.write_text(
        """
import pyarrow as pa
import numpy as np
from harness import (
    Benchmark, Corpus, Environment, EnvironmentSpec, Scenario, ScenarioSpec, StoredRows, register_benchmark)

TEST = {"test": EnvironmentSpec(shifted=True)}
SPECS = [ScenarioSpec(name, "attribute-generalization", "", TEST) for name in ("careless", "impossible")]

@register_benchmark("leaky", summary="a split that repeats a row")
class Leaky(Benchmark):
    def corpus(self):
        payloads = [f"GET /{chr(97 + i % 23) * 9}/{chr(97 + i % 19) * 9}".encode() for i in range(40)]
        payloads[33] = payloads[5]
        table = {"sample": [f"s{i}" for i in range(40)], "label": list("ab" * 20)}
        return Corpus.create("leaky", pa.table({**table, "payload": pa.array(payloads, pa.large_binary())}))

    def meta(self):
        return self.corpus().meta

    def scenarios(self):
        return SPECS

    def build(self, corpus, spec, seed, sizes):
        if spec.name == "impossible":
            raise ValueError("nothing is left to test")
        parts = [Environment(StoredRows(np.arange(*edges))) for edges in ((0, 20), (20, 30), (30, 40))]
        return Scenario(spec, parts[0], parts[1], {"test": parts[2]}, np.arange(40))
""",
        encoding="utf-8",
    )
    done = shell("audit", "leaky", "--plugin", plugin, "--seeds", "1", "--fail-on", "leaks=0")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "LEAK in careless/test, seed 0: 1 of 10 rows share an exact duplicate with training" in done.stdout
    assert "s33 with s5" in done.stdout
    assert "fail-on: leaks is 1, above 0" in done.stdout
    assert "note: impossible, seed 0 cannot be drawn: nothing is left to test" in done.stdout


def test_hostile_bytes_are_shown_as_text(shell: Shell) -> None:
    rng = np.random.default_rng(1)
    rows = []
    for i in range(80):
        evil = "\x1b[2J|`<b>\x07" if i % 2 else "tame"
        raw = request(rng, agent=f"x{evil}y", value=f"&v={evil}").decode()
        rows.append({"id": f"{i}|\x1b[31m", "raw": raw, "class": "evil|\x1b]0;t\x07<img>" if i % 2 else "good"})
    source = write(shell.folder / "hostile.jsonl", [*rows, {**rows[1], "id": "copy\x1b", "class": "good"}])
    done = shell(
        "audit", source, "--map", "payload=raw,label=class,id=id", "--seeds", "1", "--scenario", "random", "--out", "o"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    card = (shell.folder / "o/audit.md").read_text(encoding="utf-8")
    raw_json = (shell.folder / "o/audit.json").read_text(encoding="utf-8")
    for text in (done.stdout, card, raw_json):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\x80-\x9f]", text)
        assert "x1b[2J" in text or "x1b&#91;2J" in text or "x1b\\u005b2J" in text
    assert "<img>" not in card
    assert "<b>" not in card
    for block in re.findall(r"(?:^\|.*\n)+", card, re.M):
        assert len({line.count("|") for line in block.splitlines()}) == 1
    assert json.loads(raw_json)["repetition"]["clusters"] >= 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--fail-on", "leeks=0"), "did you mean leaks"),
        (("--fail-on", "leaks"), "NAME=NUMBER"),
        (("--fail-on", "leaks=-1"), "NAME=NUMBER"),
        (("--fail-on", "cue=nan"), "NAME=NUMBER"),
        (("--fail-on", ""), "it names no figure"),
        (("--fail-on", "leaks=0,leaks=5"), "leaks is named twice"),
        (("--fail-on", "carrier=50"), "carrier is never above 1"),
        (("--top", 0), "--top 0"),
        (("--seeds", "x"), "--seeds x"),
        (("--scenario", "rnadom"), "did you mean random"),
        (("--scenario", "random@carrier"), "includes every view"),
        (("--learner", "tfidf-logrek"), "did you mean tfidf-logreg"),
        (("--learner", "text-guided:encoder"), "method without tags"),
        (("--map", "lable=x"), "did you mean label"),
    ],
)
def test_mistakes_are_one_sentence(
    shell: Shell, mapped: tuple[str, ...], arguments: tuple[object, ...], complaint: str
) -> None:
    done = shell("audit", *mapped[1:], *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert complaint in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_figure_that_was_not_measured_guards_nothing_silently(shell: Shell, by_agent: tuple[str, ...]) -> None:
    done = shell("audit", *by_agent, "--fail-on", "description=0.9")
    assert done.returncode == 2
    assert "description" in done.stderr
    assert "not measured" in done.stderr


def test_an_unwritable_folder_is_one_sentence(shell: Shell, by_agent: tuple[str, ...]) -> None:
    done = shell("audit", *by_agent, "--out", "/proc/nosuch")
    assert done.returncode == 2
    assert "cannot be written" in done.stderr


def test_help_is_light(shell: Shell) -> None:
    assert loaded(shell, "audit", "--help") == []


def reference(nuclei_dev: Path) -> BenchmarkRef:
    columns = "payload label=family group=cve date=published_year description"
    mapping = dict(part.split("=") if "=" in part else (part, part) for part in columns.split())
    where = {"role": ("single", "attack_step"), "family": tuple(FAMILIES.split("|"))}
    return BenchmarkRef("files", str(nuclei_dev), mapping, where)


def test_the_known_cues_of_requests_of_templates_are_named(cache: Path, nuclei_dev: Path) -> None:
    registry.discover()
    found = audit(registry.open_benchmark(reference(nuclei_dev)), [], [0], "tfidf-logreg", 8).cues[0].classes

    def named(threat_class: str) -> str:
        every = [a for cue in found[threat_class] for a in (cue, *cue.forms)]
        print(threat_class, *(f"{cue.name} {cue.share:.0%}" for cue in every), sep="\n  ")
        return "\n".join([*(cue.name for cue in every), *(a.name for cue in found[threat_class] for a in cue.also)])

    assert "alert(document.domain)" in named("xss")
    assert "/wp-" in named("xss")
    assert "/etc/passwd" in named("path_traversal")
    assert "multipart" in named("file_upload")
    assert re.search(r"interact\.sh|oast\.", named("open_redirect"))


@pytest.mark.slow
def test_scores_on_requests_of_templates_fall_as_the_shift_grows(cache: Path, nuclei_dev: Path) -> None:
    registry.discover()
    benchmark = registry.open_benchmark(reference(nuclei_dev))
    specs = [spec for spec in benchmark.scenarios() if spec.quick]
    found = audit(benchmark, specs, range(3), "tfidf-logreg", 8)
    full = {place: scores["full"] for place, scores in probe_means(found).items()}
    print(full)
    assert full["random/id"] > full["group-disjoint/test"] > full["temporal/test"]
    assert not any(one.leaking for one in found.leakage)


def test_every_figure_has_a_name_that_fail_on_can_spell() -> None:
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in NAMES)
    assert len(set(NAMES)) == len(NAMES)
    assert {"leaks", "carrier", "cue", "disagreement", "duplicates"} <= set(NAMES)


def test_payloads_that_are_no_requests_have_no_carrier(shell: Shell, requests_file: Path) -> None:
    rows = [json.loads(line) for line in requests_file.read_text(encoding="utf-8").splitlines()]
    escaped = [{"raw": json.dumps(row["raw"])[1:-1], "class": row["class"]} for row in rows]  # a common slip of exports
    (shell.folder / "escaped.jsonl").write_text("".join(json.dumps(row) + "\n" for row in escaped), encoding="utf-8")
    options = ("--map", "payload=raw,label=class", "--scenario", "random", "--seeds", 1, "--top", 1)
    done = shell("audit", "files:escaped.jsonl", *options)
    assert done.returncode == 0, done.stderr
    assert "Its macro-F1 without the attack was not measured: 480 of 480 payloads are not HTTP" in done.stdout
    assert "No leak in random:" in done.stdout
    assert "not audited: " in done.stdout
    guarded = shell("audit", "files:escaped.jsonl", *options, "--fail-on", "carrier=0.5")
    assert guarded.returncode == 2
    assert "--fail-on carrier: it was not measured" in guarded.stderr
