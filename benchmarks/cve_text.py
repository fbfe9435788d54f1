"""``cve-text:PATH``: descriptions of CVEs with a threat class, from CVE JSON 5 records or NVD 2.0 feeds."""

import datetime
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from harness import register_benchmark, sources, taxonomy

_CPE = re.compile(r"cpe:2\.3:[aoh]:([^:]+):([^:]+):")
_MAX_FILE_BYTES = 512 * 2**20  # bytes of a file; the feed of a year is one file
_MAX_MEMORY = 4 * 2**30  # bytes that a file may take as Python objects; a feed takes some six times its size


class _Skipped(Exception):
    """Raised for a record that is left out; the message is the reason."""


@register_benchmark(
    "cve-text", summary="descriptions without payloads, for --text: CVE JSON 5 records, NVD 2.0 feeds", argument="PATH"
)
class CveText(sources.TextSource):
    """A description for each published CVE whose CWEs belong to one threat class."""

    version = 1

    def read(self, tree: sources.Tree, tally: sources.SourceTally) -> Iterator[sources.Row]:
        """See `SourceBenchmark.read`."""
        seen: set[str] = set()
        for file in tree.files((".json",), _MAX_FILE_BYTES, tally):
            try:
                records = _records(sources.safe_json.loads(file.data, _MAX_MEMORY, strict=False))
            except (_Skipped, sources.TooLarge) as error:
                tally.skip(f"file: {error}", file.path)
                continue
            except ValueError:
                tally.skip("file: not readable as JSON", file.path)
                continue
            for record in records:
                try:
                    row = _nvd_row(record) if "descriptions" in record else _json5_row(record)
                    if row["cve"] in seen:
                        raise _Skipped("an earlier record has the same CVE")
                except _Skipped as error:
                    tally.skip(f"record: {error}", file.path)
                    continue
                except RecursionError:
                    tally.skip("record: nested too deeply", file.path)
                    continue
                seen.add(row["cve"])
                yield row


def _records(document: Any) -> list[dict[str, Any]]:
    """Returns the records of a file: a single CVE JSON 5 record, or those of an NVD feed."""
    if isinstance(document, dict) and isinstance(document.get("cveMetadata"), dict):
        return [document]
    if isinstance(document, dict) and isinstance(document.get("vulnerabilities"), list):
        return [_map(_map(item).get("cve")) for item in document["vulnerabilities"]]
    raise _Skipped("neither CVE JSON 5 nor an NVD 2.0 feed")


def _json5_row(record: Mapping[str, Any]) -> dict[str, Any]:
    metadata, containers = _map(record.get("cveMetadata")), _map(record.get("containers"))
    if metadata.get("state") != "PUBLISHED":
        raise _Skipped(f"its state is {str(metadata.get('state')).lower()}")
    cna = _map(containers.get("cna"))
    parts = [cna, *_maps(containers.get("adp"))]
    problems = [item for part in parts for problem in _maps(part.get("problemTypes")) for item in _weaknesses(problem)]
    products = [item for part in parts for item in _maps(part.get("affected"))]
    vendor, product = _vendor_and_product(products)
    facts = _facts(metadata.get("cveId"), metadata.get("datePublished"), cna, problems)
    return {**facts, "vendor": vendor, "product": product}


def _nvd_row(record: Mapping[str, Any]) -> dict[str, Any]:
    if str(record.get("vulnStatus")).lower() == "rejected":
        raise _Skipped("its state is rejected")
    problems = [str(item.get("value")) for weakness in _maps(record.get("weaknesses")) for item in _english(weakness)]
    vendor, product = _vendor_and_product(record.get("configurations"))
    facts = _facts(record.get("id"), record.get("published"), record, problems)
    return {**facts, "vendor": vendor, "product": product}


def _vendor_and_product(products: Any) -> tuple[str | None, str | None]:
    """Returns vendor and product as their CPE names them, as collections of requests do; else in the same spelling."""
    if (cpe := _CPE.search(json.dumps(products or ""))) is not None:
        return cpe[1], cpe[2]
    first = products[0] if isinstance(products, list) and products else {}
    vendor, product = (re.sub(r"[^a-z0-9.-]+", "_", str(first.get(n) or "").lower()) for n in ("vendor", "product"))
    return tuple(None if name in ("", "n_a", "unknown") else name for name in (vendor, product))  # type: ignore[return-value]


def _facts(cve: Any, date: Any, container: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    if not re.fullmatch(r"CVE-\d{4}-\d{4,}", str(cve)):
        raise _Skipped("it names no CVE")
    texts = [" ".join(str(item.get("value") or "").split()) for item in _english(container, "descriptions")]
    if not any(texts):
        raise _Skipped("it has no English description")
    numbers = {int(number) for problem in problems for number in re.findall(r"CWE-(\d+)", problem)}
    labels = {taxonomy.CLASS_OF_CWE[number] for number in numbers if number in taxonomy.CLASS_OF_CWE}
    if len(labels) != 1:
        raise _Skipped("several threat classes" if labels else "no threat class of the taxonomy")
    return {"cve": cve, "text": next(filter(None, texts)), "label": labels.pop(), "date": _day(date)}


def _weaknesses(problem: Mapping[str, Any]) -> list[str]:
    return [f"{item.get('cweId', '')} {item.get('description', '')}" for item in _maps(problem.get("descriptions"))]


def _english(item: Mapping[str, Any], name: str = "description") -> list[dict[str, Any]]:
    return [entry for entry in _maps(item.get(name)) if str(entry.get("lang", "en")).lower().startswith("en")]


def _day(text: Any) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(str(text)[:10])
    except ValueError:
        return None


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _maps(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
