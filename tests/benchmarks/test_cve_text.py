"""Descriptions of CVEs: both formats give the same rows, and records without a class are counted."""

import datetime
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from harness import BenchmarkRef, Corpus, registry
from tests.conftest import SHARED, Shell
from tests.harness.sources.archives import folder, tar


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
        "file: neither CVE JSON 5 nor an NVD feed": 1,
        "file: not readable as JSON": 1,
    }


def changed(record: bytes, **fields: Any) -> bytes:
    """A CVE JSON 5 record with other fields of its CNA; ``affected`` says that there is no vendor."""
    document = json.loads(record)
    document["containers"]["cna"].update({"affected": [{"vendor": "n/a", "product": "N/A"}], **fields})
    return json.dumps(document).encode()


def node(*matches: tuple[bool | None, str], **more: Any) -> dict[str, Any]:
    return {"cpeMatch": [{"criteria": name} | ({} if v is None else {"vulnerable": v}) for v, name in matches], **more}


LINUX, ROUTER, SHOP = "cpe:2.3:o:linux:linux_kernel:-:*", "cpe:2.3:a:acme:router_ui:1:*", "cpe:2.3:a:acme:shop:*:*"


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"affected": [{"cpes": [r"cpe:2.3:a:joomla:joomla\!:*:*"]}]}, ("joomla", r"joomla\!")),
        ({"affected": [{"cpes": [r"cpe:2.3:a:a\:b\\:c\"d\,e:1:*"]}]}, (r"a\:b\\", r"c\"d\,e")),
        ({"affected": [{"cpes": ["cpe:/a:joomla:joomla%21:1.0"]}]}, ("joomla", r"joomla\!")),
        ({"affected": [{"cpes": ["cpe:2.3:a:*:*:*", "cpe:2.3:a:acme:-:*", SHOP]}]}, ("acme", "shop")),
        ({"affected": [{"vendor": "n/a"}, {"vendor": "Open Shop", "product": "Shop!"}]}, ("open_shop", "shop_")),
        ({"affected": [{"vendor": "\u65e5\u672c", "product": "!?"}]}, ("\u65e5\u672c", None)),
        (
            {
                "affected": [
                    {"vendor": "a", "product": "b", "defaultStatus": "unaffected", "cpes": [LINUX]},
                    {
                        "vendor": "c",
                        "product": "d",
                        "defaultStatus": "unaffected",
                        "versions": [{"status": "affected"}],
                    },
                ]
            },
            ("c", "d"),
        ),
        ({"affected": ["text"], "cpeApplicability": [{"nodes": [node((None, SHOP))]}]}, ("acme", "shop")),
        (
            {"cpeApplicability": [{"operator": "AND", "nodes": [node((False, LINUX)), node((True, ROUTER))]}]},
            ("acme", "router_ui"),
        ),
        ({"cpeApplicability": [{"nodes": [node((True, LINUX), negate=True), node((True, SHOP))]}]}, ("acme", "shop")),
        ({"cpeApplicability": [{"nodes": [node((False, LINUX))]}]}, (None, None)),
        ({"cpeApplicability": ["text", SHOP, LINUX]}, ("acme", "shop")),
        ({"cpeApplicability": json.dumps([{"nodes": [node((False, LINUX), (True, ROUTER))]}])}, ("acme", "router_ui")),
        ({"cpeApplicability": "{" + SHOP}, ("acme", "shop")),
        ({"cpeApplicability": {"nodes": {"cpeMatch": [3, {"vulnerable": True, "criteria": 3}]}}}, (None, None)),
    ],
)
def test_vendor_and_product_are_those_of_the_first_vulnerable_product(
    fields: dict[str, Any], names: tuple[str, str], tmp_path: Path, cache: Path
) -> None:
    files = {"a.json": changed(json5("CVE-2024-0001", "CWE-79"), **fields), "b.json": json5("CVE-2024-0002", "CWE-89")}
    row = build(folder(tmp_path, files)).descriptions.to_pylist()[0]
    assert (row["vendor"], row["product"]) == names


DEEP = json.loads("[" * 900 + "]" * 900)


@pytest.mark.parametrize("configurations", [["a text"], "a text", [[SHOP]], None, 3, DEEP])
def test_configurations_of_other_types_cost_nothing(configurations: Any, tmp_path: Path, cache: Path) -> None:
    feed = json.loads(nvd(("CVE-2023-0001", "CWE-89"), ("CVE-2023-0002", "CWE-79")))
    feed["vulnerabilities"][0]["cve"]["configurations"] = configurations
    rows = build(folder(tmp_path, {"a.json": json.dumps(feed).encode()})).descriptions.to_pylist()
    assert [row["vendor"] for row in rows] == ["acme" if configurations == [[SHOP]] else None, "acme"]


def test_half_characters_are_left_out_and_counted(tmp_path: Path, cache: Path) -> None:
    files = {
        "a.json": json5("CVE-2024-0001", "CWE-79", text="half \ud83d"),
        "b.json": changed(json5("CVE-2024-0002", "CWE-79"), affected=[{"cpes": ["cpe:2.3:a:x\udc00:y"]}]),
        "c.json": json5("CVE-2024-0003", "CWE-79", text="whole \U0001f600"),
        "d.json": json5("CVE-2024-0004", "CWE-89"),
    }
    corpus = build(folder(tmp_path, files))
    assert [row["text"] for row in corpus.descriptions.to_pylist()] == ["whole \U0001f600", "A text."]
    assert [item[:2] for item in corpus.meta.left_out] == [("record: its text contains a lone surrogate", 2)]


def test_records_come_alone_in_lists_in_lines_and_in_older_feeds(tmp_path: Path, cache: Path) -> None:
    old = {
        "cve": {
            "CVE_data_meta": {"ID": " cve-2020-0001"},
            "problemtype": {"problemtype_data": [{"description": [{"lang": "en", "value": "CWE-79"}]}]},
            "description": {"description_data": [{"lang": "en", "value": "An old text."}]},
        },
        "configurations": {
            "nodes": [
                {"children": [{"cpe_match": [{"vulnerable": False, "cpe23Uri": LINUX}]}]},
                {"cpe_match": [{"vulnerable": True, "cpe23Uri": SHOP}]},
            ]
        },
        "publishedDate": "2020-01-02T03:04Z",
    }
    rejected = json.loads(json.dumps(old))
    rejected["cve"]["description"]["description_data"][0]["value"] = "** REJECT ** A text."
    bare = json.loads(nvd(("CVE-2021-0001", "CWE-89")))["vulnerabilities"][0]["cve"]
    bare2 = {**bare, "id": "CVE-2021-0002"}
    files = {
        "a.json": json.dumps({"CVE_Items": [old, rejected, 3]}).encode(),
        "b.json": json.dumps(bare).encode(),
        "c.json.gz": gzip.compress(json.dumps({"cve_items": [bare2]}).encode()),
        "d.json": b"[" + json5("CVE-2022-0001", "CWE-79") + b"," + json5("CVE-2022-0002", "CWE-79") + b"]",
        "e.jsonl": b"\xef\xbb\xbf" + json5("CVE-2022-0003", "CWE-79") + b"\n{\n\n" + json5("CVE-2022-0004", "CWE-79"),
        "f.json": json.dumps({"data_version": "4.0", "CVE_data_meta": {"ID": "CVE-2020-0002"}}).encode(),
        "g.ndjson": b"x\ny\n",
    }
    corpus = build(folder(tmp_path, files))
    rows = {row["cve"]: row for row in corpus.descriptions.to_pylist()}
    assert list(rows) == [
        "CVE-2020-0001",
        *(f"CVE-2021-000{i}" for i in (1, 2)),
        *(f"CVE-2022-000{i}" for i in (1, 2, 3, 4)),
    ]
    assert rows["CVE-2020-0001"] == {
        "description_id": "CVE-2020-0001",
        "text": "An old text.",
        "label": "cross-site-scripting",
        "cve": "CVE-2020-0001",
        "date": datetime.date(2020, 1, 2),
        "vendor": "acme",
        "product": "shop",
    }
    assert {reason: count for reason, count, _ in corpus.meta.left_out} == {
        "file: CVE JSON 4, which is not read; use the CVE JSON 5 record": 1,
        "file: not readable as JSON": 1,
        "line: not readable as JSON": 1,
        "record: its state is rejected": 1,
        "record: not a CVE record": 1,
    }


def test_records_of_wrong_types_cost_themselves_alone(tmp_path: Path, cache: Path) -> None:
    records = [
        b'{"cveMetadata": {"state": "PUBLISHED", "cveId": 3}, "containers": []}',
        b'{"cveMetadata": {"state": ["x"]}}',
        b'{"vulnerabilities": [3, {"cve": {"id": "CVE-2024-0001", "descriptions": [{"value": {"a": 1}}]}}]}',
        b"[[[" + json5("CVE-2024-0003", "CWE-79") + b"]]]",
        json5("CVE-2024-0003", "CWE-" + "9" * 5000),
        json5("CVE-\uff12\uff10\uff12\uff14-0001", "CWE-79"),
    ]
    files = {f"{i}.json": record for i, record in enumerate(records)}
    files |= {"ok.json": json5("CVE-2024-0004", "CWE-79"), "ok2.json": json5("CVE-2024-0005", "CWE-89")}
    corpus = build(folder(tmp_path, files))
    assert corpus.meta.descriptions == 2
    assert {reason: count for reason, count, _ in corpus.meta.left_out} == {
        "record: it names no CVE": 2,
        "record: its state is ['x']": 1,
        "file: neither CVE JSON 5 nor an NVD feed": 1,
        "record: not a CVE record": 1,
        "record: it has no English description": 1,
        "record: no threat class of the taxonomy": 1,
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


def test_an_archive_in_the_layout_of_the_public_records_loads(tmp_path: Path, cache: Path) -> None:
    """As with the public records, which a bare clone lacks: two years of folders by thousands, and a licence."""
    weaknesses = ("CWE-79", "CWE-89", "CWE-22", "CWE-287", "CWE-120", "CWE-416")  # the second half has no class
    files = {"cves-1/LICENSE": b"CC0 1.0 Universal\n\nCREATIVE COMMONS CORPORATION IS NOT A LAW FIRM"}
    for year in (2023, 2024):
        for i in range(30):
            name = f"CVE-{year}-{1000 + 500 * i}"
            text = f"The page {i} of the shop {year} checks no parameter {i * year}."
            record = json5(name, weaknesses[i % 6], text, datePublished=f"{year}-02-{1 + i % 28:02}T10:00:00Z")
            files[f"cves-1/{year}/{(1000 + 500 * i) // 1000}xxx/{name}.json"] = record
    corpus = build(tar(tmp_path / "cve5.tar.gz", files, "c0ffee"))
    meta = corpus.meta
    assert (meta.rows, meta.descriptions) == (0, 30)
    assert sorted(meta.classes) == ["cross-site-scripting", "path-traversal", "sql-injection"]
    assert [(reason, count) for reason, count, _ in meta.left_out] == [("record: no threat class of the taxonomy", 30)]
    assert meta.origin == {"licence": "CC0-1.0", "commit": "c0ffee"}
    assert {day.year for day in corpus.descriptions.column("date").to_pylist()} == {2023, 2024}


def test_a_cve_and_a_date_mean_the_same_as_in_other_files(tmp_path: Path, cache: Path) -> None:
    files = {
        "a.json": json5("cve-2024-0001 ", "CWE-79"),
        "b.json": json5("CVE-2024-0001", "CWE-79", text="The same CVE."),
        "c.json": json5("CVE_2024_0002", "CWE-79", datePublished=1711541790),
        "d.json": json5("CVE-2024-0003", "CWE-89", datePublished="N/A"),
        "e.json": json5("CVE-2024-0004", "CWE-89", text="N/A"),
    }
    corpus = build(folder(tmp_path / "records", files))
    assert corpus.descriptions.select(["cve", "date"]).to_pylist() == [
        {"cve": "CVE-2024-0001", "date": datetime.date(2024, 3, 27)},
        {"cve": "CVE-2024-0002", "date": None},
        {"cve": "CVE-2024-0003", "date": None},
    ]
    assert corpus.meta.notes[0] == "1 records have a date that is not ISO 8601, and are used without it"
    assert {reason for reason, _, _ in corpus.meta.left_out} == {
        "record: an earlier record has the same CVE",
        "record: it has no English description",
    }
