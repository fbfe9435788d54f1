"""Texts of another corpus: their classes, what is left out, and that keys depend on them."""

import datetime
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from harness import Corpus, UserError, sources
from harness.scenarios.extra_descriptions import with_texts
from tests.conftest import Shell


def corpus(**changes: Any) -> Corpus:
    columns: dict[str, Any] = {
        "sample": ["1", "2", "3"],
        "payload": pa.array([b"a", b"b", b"c"], pa.large_binary()),
        "label": ["sqli", "xss", "xss"],
        "cve": ["CVE-2020-0001", "CVE-2020-0002", None],
        "description_id": ["one", "two", None],
        **changes,
    }
    texts = pa.table({"description_id": ["one", "two"], "text": ["Text one.", "Text two."]})
    return Corpus.create("own", pa.table({n: v for n, v in columns.items() if v is not None}), texts, ("a note",))


TEXTS = [
    {"text": "New words.", "label": "sql-injection", "cve": "CVE-2021-0001", "date": datetime.date(2021, 5, 6)},
    {"text": " TEXT  one.", "label": "sql-injection", "cve": "CVE-2020-0001"},
    {"text": "Of another class.", "label": "open-redirect", "cve": "CVE-2021-0003"},
    {"text": "Told by its CVE alone.", "label": None, "cve": "CVE-2020-0002"},
    {"text": "Told by nothing.", "label": None, "cve": "CVE-2021-0009"},
]


def test_texts_join_with_the_class_as_the_corpus_spells_it() -> None:
    own = corpus()
    result = with_texts(own, sources.text_corpus("other", TEXTS))
    assert result.descriptions.select(["description_id", "text", "label", "cve"]).to_pylist() == [
        {"description_id": "one", "text": "Text one.", "label": None, "cve": None},
        {"description_id": "two", "text": "Text two.", "label": None, "cve": None},
        {"description_id": "text:CVE-2021-0001", "text": "New words.", "label": "sqli", "cve": "CVE-2021-0001"},
        {"description_id": "text:CVE-2020-0002", "text": TEXTS[3]["text"], "label": "xss", "cve": "CVE-2020-0002"},
    ]
    assert result.descriptions.column("date").to_pylist()[2] == datetime.date(2021, 5, 6)
    assert result.text_of_row.tolist() == [0, 1, -1]
    assert result.table.equals(own.table)
    assert result.meta.hash != own.meta.hash
    assert result.meta.notes == (
        "a note",
        "2 texts without payloads come from other; left out: 2 without a class of the corpus, "
        "1 with the same words as a text of the corpus",
    )


def kinds_of_texts(*classes: str) -> list[str | None]:
    """The classes of texts on template injection, server-side includes and code injection, in a corpus of classes."""
    texts = [
        {"text": f"About {label}.", "label": label, "cve": None}
        for label in ("template-injection", "server-side-include", "code-injection")
    ]
    own = corpus(label=[*classes, *classes[-1:] * (3 - len(classes))])
    result = with_texts(own, sources.text_corpus("other", texts))
    return result.descriptions.column("label").to_pylist()[2:]


def test_texts_of_a_kind_of_a_class_have_that_class_if_the_corpus_has_none_for_the_kind() -> None:
    assert kinds_of_texts("code-injection", "xss") == ["code-injection"] * 3
    assert kinds_of_texts("template-injection", "code-injection") == [
        "template-injection",
        "code-injection",
        "code-injection",
    ]
    assert kinds_of_texts("code_injection", "xss") == ["code_injection"] * 3
    assert kinds_of_texts("code_injection", "template-injection") == [
        "template-injection",
        "code_injection",
        "code_injection",
    ]
    assert kinds_of_texts("Code Injection", "ssti") == ["ssti", "Code Injection", "Code Injection"]
    assert kinds_of_texts("xss", "template-injection") == ["template-injection"]


def test_a_corpus_without_cves_notes_that_texts_of_tested_ones_cannot_be_withheld() -> None:
    result = with_texts(corpus(cve=None), sources.text_corpus("other", TEXTS))
    assert "have no CVEs" in result.meta.notes[-1]


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        (corpus(), "have neither a label nor a CVE"),
        (sources.text_corpus("other", TEXTS[1:3]), "none of its 2 texts has a class of own and words that differ"),
    ],
)
def test_texts_that_cannot_be_used_are_one_sentence(texts: Corpus, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        with_texts(corpus(), texts)


def test_the_key_depends_on_the_texts(shell: Shell, mapped: tuple[str, ...]) -> None:
    path = shell.folder / "texts.jsonl"
    arguments = ("run", "--method", "majority", "--scenario", "random", *mapped)
    text = ("--text", f"files:{path}", "--text-map", "description=d,label.taxonomy=k")
    outputs = []
    for words in ("Some words.", "Other words."):
        path.write_text("".join(json.dumps({"d": f"{words} {k}", "k": k}) + "\n" for k in ("SQLi", "xss")))
        done = shell(*arguments, *text)
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)
    assert shell(*arguments).returncode == 0
    records = [json.loads(path.read_text()) for path in Path(shell.folder).glob("results/local/*/random/*.json")]
    assert len({record["key"] for record in records}) == len(records) == 3
    assert all("2 texts without payloads come from files-texts" in output for output in outputs)
    for wrong, complaint in (
        (("--text", "files:nosuch"), "no such file"),
        (("--text-map", "label=k"), "--text-map requires --text CORPUS"),
        (("--text", f"files:{path}", "--text-map", "description=d"), "map label or cve too"),
    ):
        done = shell(*arguments, *wrong)
        assert done.returncode == 2
        assert complaint in done.stderr


SPY = """
import json
from pathlib import Path

import numpy as np

from harness import Method, Predictor, register_method


class Same(Predictor):
    def __init__(self, classes):
        self.classes = classes

    def predict_proba(self, payloads):
        return np.full((len(payloads), self.classes), 1 / self.classes, np.float32)


@register_method("spy", version=1, summary="writes its texts to a file", tags={"text"})
class Spy(Method):
    def fit(self, train, validation, params, context):
        path = Path(__file__).with_name(f"texts-{len(train.payloads)}-{context.seed}.json")
        path.write_text(json.dumps(train.descriptions.texts))
        return Same(len(context.classes))
"""


def units_of(result: dict[str, Any], environment: str) -> set[str]:
    """Names of the units that an environment's rows are of."""
    return {result["units"][int(row.split()[0])] for row in result["counts"][environment].split(";")}


@pytest.mark.parametrize("scenario", ["group-disjoint", "temporal"])
def test_texts_of_tested_cves_and_late_ones_reach_no_training(shell: Shell, requests_file: Path, scenario: str) -> None:
    with requests_file.open(encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    published = {row["cve"]: row["published"] for row in rows}
    kinds = {row["cve"]: row["class"] for row in rows}
    texts = [{"d": f"About {cve}.", "k": kinds[cve], "c": cve, "p": day} for cve, day in published.items()]
    texts += [
        {"d": f"Late {year}.", "k": "sql-injection", "c": f"CVE-{year}-99999", "p": year} for year in (1999, 2999)
    ]
    (shell.folder / "texts.jsonl").write_text("".join(json.dumps(text) + "\n" for text in texts))
    (shell.folder / "spy.py").write_text(SPY)
    done = shell(
        *("run", "--plugin", "spy.py", "--method", "spy", "--scenario", scenario, "--bench", f"files:{requests_file}"),
        *("--map", "payload=raw,label=class,cve=cve,group=cve,date=published,description=text"),
        *("--text", "files:texts.jsonl", "--text-map", "description=d,label=k,cve=c,date=p", "--trials", "1"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = shell.folder.glob(f"results/local/*/{scenario}/*.json")
    result = json.loads(path.read_text())["result"]
    tested = {unit for environment in result["counts"] for unit in units_of(result, environment)}
    (trained,) = [json.loads(path.read_text()) for path in shell.folder.glob("texts-*.json")]
    cves = {text.removeprefix("About ").rstrip(".") for text in trained if text.startswith("About ")}
    assert cves
    assert not cves & tested
    assert "Late 1999." in trained
    assert ("Late 2999." in trained) == (scenario != "temporal")
    (note,) = [note for note in result["notes"] if "texts without a payload" in note]
    assert f"{len(cves) + sum('Late' in text for text in trained)} of {len(texts)} texts without a payload are" in note
    if scenario == "temporal":
        first = min(published[unit] for unit in units_of(result, "test"))
        assert all(published[cve] < first for cve in cves)
        assert "not dated before the tests begin" in note
