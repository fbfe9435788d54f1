"""Small files that unpack to gigabytes are refused in bounded memory, with a sentence that names the file."""

import json
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Shell
from tests.security import bombs
from tests.security.rounds import FULL

# Loads a source, or reads one file of a results folder; prints the sentence, or a count, and the peak memory (MiB).
PROGRAM = """
import json, sys
from pathlib import Path
from harness import BenchmarkRef, UserError, registry
from harness.records import predictions, store

registry.discover()
kind, path = sys.argv[1:]
mapping = {"payload": "raw", "label.taxonomy" if path.endswith(".parquet") else "label": "kind"}
try:
    if kind == "predictions":
        outcome = str(predictions.read_classes(Path(path)))
    elif kind == "record":
        outcome = str(store.read(Path(path)))
    else:
        is_archive = path.endswith((".zip", ".tar.gz", ".tar.xz")) and ".csv" not in path
        reference = BenchmarkRef(kind, path, mapping if kind == "files" and not is_archive else {})
        outcome = str(len(registry.open_benchmark(reference).load()))
except (UserError, *([ValueError] if kind == "predictions" else [])) as error:
    outcome = str(error)
with open("/proc/self/status") as stream:  # unlike getrusage, without the memory of the process that started this one
    peak = next(int(line.split()[1]) for line in stream if line.startswith("VmHWM")) // 1024
print(json.dumps([outcome, peak]))
"""
SLOW = (
    *("arrow_buffer", "arrow_dictionary", "arrow_views", "json_array", "json_document", "audit_log", "csv_utf_16"),
    *("arrow_nulls", "xml_attributes", "xml_items", "xml_element", "json_element", "raw_text", "csv_in_zip"),
    "zip_bzip2",
    "zip_lzma",
    "nuclei_requests",
    "csv_row",
    "csv_line",
    "jsonl_lines",
    "jsonl_names",
    "cve_lists",
)
BASE = 150  # MiB that Python and the libraries take

# What is read, the file, what the sentence must say, and how much memory it may take in MiB.
BOMBS: list[tuple[str, Callable[[Path], Path], str, int]] = [
    ("files", bombs.parquet_dictionary, "unpacks to more than 256 MiB", 600),
    ("files", bombs.parquet_list, "lists of kind|unpacks to more than 256 MiB", 300),
    ("files", bombs.parquet_plain, "unpacks to more than 256 MiB", 600),
    ("files", bombs.parquet_shared_prefixes, "unpacks to more than 256 MiB", 600),
    ("files", bombs.parquet_large_pages, "largest pages", 200),
    ("files", bombs.parquet_footer, "footer has 32 MiB; the limit is 16 MiB", 100),
    ("files", bombs.zip_bzip2, "unpack it first", 200),
    ("files", bombs.zip_lzma, "damaged|unpack it first", 400),
    ("files", bombs.zip_directory, "limit of 2000000 files", 400),
    ("files", bombs.zip_overlap, "unpacks to more than 256 MiB", 100),
    ("files", bombs.tar_attributes, "the header of a member", 100),
    ("files", bombs.tar_long_name, "the header of a member", 100),
    ("files", bombs.tar_sparse, "the header of a member", 100),
    ("files", bombs.tar_xz_dictionary, "emory usage limit", 100),
    ("files", bombs.csv_line, "longer than 128 MiB|unpacks to more than", 700),
    ("files", bombs.csv_cells, "more than 1000000 cells|unpacks to more than", 200),
    ("files", bombs.csv_row, "longer than 128 MiB|unpacks to more than", 700),
    ("files", bombs.jsonl_lists, "line 2: it takes more than 1 GiB of memory", 600),
    ("files", bombs.jsonl_lines, "unpacks to more than", 500),
    ("files", bombs.jsonl_names, "4000", 150),
    ("files", bombs.arrow_buffer, "a record batch takes 1.863 GiB; the limit is 512 MiB", 100),
    ("files", bombs.arrow_dictionary, "unpacks to more than|rows cannot be used|at least two classes", 700),
    ("files", bombs.arrow_views, "unpacks to more than|rows cannot be used|at least two classes", 700),
    ("files", bombs.arrow_nulls, "more than", 100),
    ("files", bombs.json_array, "unpacks to more than", 500),
    ("files", bombs.json_element, "element 1 is longer than 128 MiB", 700),
    ("files", bombs.json_document, "takes more than 1 GiB of memory", 600),
    ("files", bombs.xml_element, "longer than 128 MiB", 700),
    ("files", bombs.xml_attributes, "longer than 128 MiB", 700),
    ("files", bombs.xml_items, "has no column raw|truncated", 100),
    ("files", bombs.xml_entities, "declares entities", 50),
    ("files", bombs.audit_log, "unpacks to more than|longer than 128 MiB", 700),
    ("files", bombs.raw_text, "unpacks to more than|has no column (?:raw|kind)", 300),
    ("files", bombs.csv_utf_16, "unpacks to more than|longer than 128 MiB", 700),
    ("files", bombs.csv_in_zip, "unpack it first|damaged", 700),
    ("cve-text", bombs.cve_lists, "takes more than 4 GiB of memory", 1000),
    ("crs", bombs.crs_aliases, "aliases expand to more than", 200),
    ("nuclei", bombs.nuclei_requests, "5000|no usable rows|at least two classes", 500),
    ("nuclei", bombs.nuclei_replace, "no usable rows", 200),
    ("predictions", bombs.predictions, "unpacks to more than 256 MiB", 700),
    ("predictions", bombs.many_predictions, "have 100000000 rows, which take", 300),
    ("predictions", bombs.old_predictions, "more than 256 MiB after unpacking", 700),
    ("record", bombs.record, "larger than 64 MiB", 200),
    ("record", bombs.record_lists, "takes more than 256 MiB of memory", 200),
]


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (9 * 2**30,) * 2)  # a failing test must not take the machine down


@pytest.mark.parametrize(("kind", "build", "sentence", "memory"), BOMBS, ids=[build.__name__ for _, build, *_ in BOMBS])
def test_a_bomb_is_refused_in_bounded_memory(
    tmp_path: Path, shell: Shell, kind: str, build: Callable[[Path], Path], sentence: str, memory: int
) -> None:
    if build.__name__ in SLOW and not FULL:
        pytest.skip("only in full rounds (make test-slow)")
    path = build(tmp_path)
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM, kind, str(path)],
        capture_output=True,
        text=True,
        env=shell.environment,
        preexec_fn=_limit_memory,
    )
    assert process.returncode == 0, process.stderr[-2000:]
    outcome, peak = json.loads(process.stdout)
    print(build.__name__, path.stat().st_size, peak, outcome[:300])
    assert re.search(sentence, outcome), outcome
    assert "\n" not in outcome
    assert peak < BASE + memory
