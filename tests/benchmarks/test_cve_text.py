"""Descriptions of CVEs: both formats give the same rows, and records without a class are counted."""

import datetime
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from harness import BenchmarkRef, Corpus, registry
from tests.conftest import SHARED, Shell
from tests.harness.sources.archives import folder


def json5(cve: str, cwe: str, text: str = "A text.", **changes: Any) -> bytes:
    cna = {
        "descriptions": [{"lang": "de", "value": "Ein Text."}, {"lang": "en-US", "value": text}],
        "problemTypes": [{"descriptions": [{"lang": "en", "cweId": cwe, "description": "n/a"}]}],
        "affected": [{"vendor": "Acme", "product": "n/a"}],
    }
    metadata = {"cveId": cve, "state": "PUBLISHED", "datePublished": "2024-03-27T12:16:30Z", **changes}
    return json.dumps({"cveMetadata": metadata, "containers": {"cna": cna}}).encode()


def nvd(*records: tuple[str, str]) -> bytes:
    return json.dumps(
        {
            "vulnerabilities": [
                {
                    "cve": {
                        "id": cve,
                        "published": "2023-01-02T03:04:05.678",
                        "vulnStatus": "Rejected" if cwe == "rejected" else "Analyzed",
                        "descriptions": [{"lang": "en", "value": "Another\n text."}],
                        "weaknesses": [{"description": [{"lang": "en", "value": cwe}]}],
                        "configurations": [{"nodes": [{"cpeMatch": [{"criteria": "cpe:2.3:a:acme:shop:1:*:*"}]}]}],
                    }
                }
                for cve, cwe in records
            ]
        }
    ).encode()


def build(root: Path) -> Corpus:
    registry.discover()
    return registry.open_benchmark(BenchmarkRef("cve-text", str(root))).corpus()


def test_both_formats_become_descriptions_and_the_rest_is_counted(tmp_path: Path, cache: Path) -> None:
    files = {
        "cves/CVE-2024-0001.json": json5("CVE-2024-0001", "CWE-79"),
        "cves/CVE-2024-0002.json": json5("CVE-2024-0002", "CWE-287"),
        "cves/CVE-2024-0003.json": json5("CVE-2024-0003", "CWE-79", state="REJECTED"),
        "cves/CVE-2024-0004.json": json5("CVE-2024-0004", "CWE-79", text=" "),
        "feeds/nvd.json.gz": gzip.compress(
            nvd(("CVE-2023-0001", "CWE-89"), ("CVE-2024-0001", "CWE-79"), ("CVE-2023-0002", "rejected"))
        ),
        "delta.json": b"[]",
        "deep.json": b"[" * 100_000,
    }
    corpus = build(folder(tmp_path, files))
    first, second = corpus.descriptions.to_pylist()
    assert first == {
        "description_id": "CVE-2023-0001",
        "text": "Another text.",
        "label": "sql-injection",
        "cve": "CVE-2023-0001",
        "date": datetime.date(2023, 1, 2),
        "vendor": "acme",
        "product": "shop",
    }
    assert (second["text"], second["label"], second["vendor"], second["product"]) == (
        "A text.",
        "cross-site-scripting",
        "acme",
        None,
    )
    assert len(corpus) == 0
    assert corpus.classes == ("cross-site-scripting", "sql-injection")
    assert {reason: count for reason, count, _ in corpus.meta.left_out} == {
        "record: no threat class of the taxonomy": 1,
        "record: its state is rejected": 2,
        "record: it has no English description": 1,
        "record: an earlier record has the same CVE": 1,
        "file: neither CVE JSON 5 nor an NVD 2.0 feed": 1,
        "file: not readable as JSON": 1,
    }


def test_descriptions_alone_cannot_be_run_or_audited(tmp_path: Path, shell: Shell) -> None:
    files = {f"{i}.json": json5(f"CVE-2024-000{i}", f"CWE-{cwe}") for i, cwe in enumerate((79, 89))}
    root = folder(tmp_path / "cves", files)
    assert "2 descriptions" in shell("data", "build", "cve-text", "--from", root).stdout
    for arguments in (("run", "--dry-run", "--bench"), ("audit",)):
        process = shell(*arguments, f"cve-text:{root}")
        assert process.returncode == 2
        assert "has no payloads" in process.stderr


def test_the_public_records_load(cache: Path) -> None:
    archive = SHARED / "raw" / "cve5.tar.gz"
    if not archive.exists():
        pytest.skip(f"{archive} is not there")
    meta = build(archive).meta
    assert (meta.rows, meta.descriptions, len(meta.classes)) == (0, 50, 9)
    assert [(reason, count) for reason, count, _ in meta.left_out] == [("record: no threat class of the taxonomy", 100)]
    assert meta.origin["licence"] == "CC0-1.0"
