"""``cve-text:PATH``: descriptions of CVEs with a threat class, from CVE JSON 5 records or feeds of the NVD."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from harness import register_benchmark, sources, taxonomy, values

from . import cpe
from .records import Unusable, documents, mapping, mappings, records

_SUFFIXES = (".json", ".jsonl", ".ndjson")
_MAX_FILE_BYTES = 512 * 2**20  # bytes of a file; the feed of a year is one file
_SURROGATE = re.compile("[\ud800-\udfff]")


@register_benchmark(
    "cve-text", summary="descriptions without payloads, for --text: CVE JSON 5 records, NVD feeds", argument="PATH"
)
class CveText(sources.TextSource):
    """A description for each published CVE whose CWEs belong to one threat class."""

    version = 2

    def read(self, tree: sources.Tree, tally: sources.SourceTally) -> Iterator[sources.Row]:
        """See `SourceBenchmark.read`."""
        seen: set[str] = set()
        undated = 0
        for file in tree.files(_SUFFIXES, _MAX_FILE_BYTES, tally):
            for record in _records_of(file, tally):
                try:
                    row = _row(record)
                    if row["cve"] in seen:
                        raise Unusable("an earlier record has the same CVE")
                except Unusable as error:
                    tally.skip(f"record: {error}", file.path)
                    continue
                seen.add(row["cve"])
                try:
                    row["date"] = values.day(row["date"])
                except ValueError:
                    row["date"] = None
                    undated += 1
                yield row
        if undated:
            tally.notes.append(f"{undated} records have a date that is not ISO 8601, and are used without it")


def _records_of(file: sources.SourceFile, tally: sources.SourceTally) -> Iterator[Mapping[str, Any]]:
    """Yields the records of a file, and counts what is not readable."""
    try:
        for number, document in enumerate(documents(file.data), 1):
            if document is None:
                tally.skip("line: not readable as JSON", f"{file.path}, record {number}")
                continue
            yield from records(document)
    except Unusable as error:
        tally.skip(f"file: {error}", file.path)


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    row = _nvd_row(record) if "descriptions" in record else _json5_row(record)
    if any(_SURROGATE.search(row[name] or "") for name in ("text", "vendor", "product")):
        raise Unusable("its text contains a lone surrogate")
    return row


def _json5_row(record: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(record.get("cveMetadata"), dict):
        raise Unusable("not a CVE record")
    metadata, containers = mapping(record.get("cveMetadata")), mapping(record.get("containers"))
    if metadata.get("state") != "PUBLISHED":
        raise Unusable(f"its state is {str(metadata.get('state')).lower()[:40]}")
    cna = mapping(containers.get("cna"))
    parts = [cna, *mappings(containers.get("adp"))]
    problems = [
        item for part in parts for problem in mappings(part.get("problemTypes")) for item in _weaknesses(problem)
    ]
    texts, names = cpe.affected([item for part in parts for item in mappings(part.get("affected"))])
    applicable = (text for part in parts for text in cpe.vulnerable(part.get("cpeApplicability")))
    vendor, product = cpe.first_vulnerable(texts) or cpe.first_vulnerable(applicable) or names
    facts = _facts(metadata.get("cveId"), metadata.get("datePublished"), cna, problems)
    return {**facts, "vendor": vendor, "product": product}


def _nvd_row(record: Mapping[str, Any]) -> dict[str, Any]:
    if str(record.get("vulnStatus")).lower() == "rejected":
        raise Unusable("its state is rejected")
    problems = [
        str(item.get("value")) for weakness in mappings(record.get("weaknesses")) for item in _english(weakness)
    ]
    vendor, product = cpe.first_vulnerable(cpe.vulnerable(record.get("configurations"))) or (None, None)
    facts = _facts(record.get("id"), record.get("published"), record, problems)
    return {**facts, "vendor": vendor, "product": product}


def _facts(cve: Any, date: Any, container: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    name = values.cve(str(cve)) or ""
    if not re.fullmatch(r"CVE-[0-9]{4}-[0-9]{4,19}", name):
        raise Unusable("it names no CVE")
    items = [item.get("value") for item in _english(container, "descriptions")]
    texts = [" ".join(item.split()) for item in items if isinstance(item, str) and not values.is_missing(item)]
    if not any(texts):
        raise Unusable("it has no English description")
    numbers = {int(number) for problem in problems for number in re.findall(r"CWE-([0-9]{1,6})(?![0-9])", problem)}
    labels = {taxonomy.CLASS_OF_CWE[number] for number in numbers if number in taxonomy.CLASS_OF_CWE}
    if (label := taxonomy.most_specific(labels)) is None:
        raise Unusable("several threat classes" if labels else "no threat class of the taxonomy")
    return {"cve": name, "text": next(filter(None, texts)), "label": label, "date": date}


def _weaknesses(problem: Mapping[str, Any]) -> list[str]:
    return [f"{item.get('cweId', '')} {item.get('description', '')}" for item in mappings(problem.get("descriptions"))]


def _english(item: Mapping[str, Any], name: str = "description") -> list[dict[str, Any]]:
    return [entry for entry in mappings(item.get(name)) if str(entry.get("lang", "en")).lower().startswith("en")]
