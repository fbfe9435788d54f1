"""Builds a corpus from a public source: a folder or an archive of many files, which are untrusted.

A reader derives from `SourceBenchmark` and yields rows. This package reads the files within size limits, counts what is
left out, and finds the licence and the commit.
"""

from harness.sources import origin, safe_yaml
from harness.sources.arrow_stream import ArrowStream
from harness.sources.benchmark import Row, SourceBenchmark, TextSource
from harness.sources.builder import Builder, text_corpus, with_origin
from harness.sources.content import fingerprint
from harness.sources.export import export, mapping_of
from harness.sources.hugging_face import SCHEME as HUB_SCHEME
from harness.sources.hugging_face import from_hub
from harness.sources.tally import LeftOut, SourceTally
from harness.sources.tree import READ_ERRORS, SourceFile, SourceStream, Tree
from harness.storage import safe_json
from harness.storage.bounded import TooLarge, in_words, open_unpacked
from harness.storage.parquet import batches, open_parquet

__all__ = [
    "HUB_SCHEME",
    "READ_ERRORS",
    "ArrowStream",
    "Builder",
    "LeftOut",
    "Row",
    "SourceBenchmark",
    "SourceFile",
    "SourceStream",
    "SourceTally",
    "TextSource",
    "TooLarge",
    "Tree",
    "batches",
    "export",
    "fingerprint",
    "from_hub",
    "in_words",
    "mapping_of",
    "open_parquet",
    "open_unpacked",
    "origin",
    "safe_json",
    "safe_yaml",
    "text_corpus",
    "with_origin",
]
