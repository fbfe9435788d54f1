"""Corpora of any number of requests, as a file and in memory."""

import datetime
import json
from functools import cache
from pathlib import Path

from harness import BenchmarkRef, Corpus
from tests.speed.payloads import Row, natural_rows

MOST = 16_000
COLUMNS = {"payload": "raw", "label": "class", "cve": "cve", "vendor": "vendor", "product": "product", "date": "date"}


def _fields(row: Row) -> dict[str, str]:
    card = row.card
    about = {"class": card.threat_class, "cve": card.cve, "vendor": card.vendor, "product": card.product}
    return {"raw": row.payload.decode("latin-1"), **about, "date": card.date}


@cache
def _all_rows() -> list[Row]:
    return natural_rows(MOST)


def spread(count: int) -> list[Row]:
    """Rows in which all classes occur, at most `MOST`: the cards are in the order of their classes."""
    return _all_rows()[:: MOST // count][:count]


def file_of(folder: Path, count: int) -> BenchmarkRef:
    """Writes requests as JSON lines and returns the reference of the benchmark on them."""
    path = folder / f"{count}.jsonl"
    path.write_text("".join(json.dumps(_fields(row)) + "\n" for row in spread(count)), encoding="utf-8")
    return BenchmarkRef("files", str(path), COLUMNS)


@cache
def in_memory(count: int) -> Corpus:
    """Returns a corpus with the columns that most generic scenarios need."""
    import pyarrow as pa

    rows = [_fields(row) for row in spread(count)]
    columns = {name: [row[source] for row in rows] for name, source in COLUMNS.items()}
    payloads = [text.encode("latin-1") for text in columns.pop("payload")]
    dates = list(map(datetime.date.fromisoformat, columns.pop("date")))
    table = pa.table({"sample": list(map(str, range(count))), "payload": payloads, "date": dates, **columns})
    return Corpus.create("in-memory", table)
