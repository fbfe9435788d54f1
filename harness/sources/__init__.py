"""Builds a corpus from a public source: a folder or an archive of many files, which are untrusted.

A reader derives from `SourceBenchmark` and yields rows. This package reads the files within size limits, counts what is
left out, and finds the licence and the commit.
"""

from harness.sources import origin, safe_yaml
from harness.sources.benchmark import Row, SourceBenchmark, TextSource
from harness.sources.builder import Builder, text_corpus, with_origin
from harness.sources.export import export, mapping_of
from harness.sources.tally import LeftOut, SourceTally
from harness.sources.tree import SourceFile, Tree, fingerprint

__all__ = [
    "Builder",
    "LeftOut",
    "Row",
    "SourceBenchmark",
    "SourceFile",
    "SourceTally",
    "TextSource",
    "Tree",
    "export",
    "fingerprint",
    "mapping_of",
    "origin",
    "safe_yaml",
    "text_corpus",
    "with_origin",
]
