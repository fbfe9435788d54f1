"""Coverage-guided fuzzing of one reader: ``python -m tests.fuzzing READER --seconds N [--corpus DIR]``.

Ends with exit code 0 and the count of executions, or at the first finding, whose input libFuzzer writes to the corpus
folder's ``crash-*`` file.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

READERS = ["harness.benchmarks", "harness.data", "harness.records", "harness.sources", "harness.storage"]

with atheris.instrument_imports(include=READERS):
    from tests.fuzzing import readers


def main() -> None:
    """Fuzzes the reader that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reader")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, help="where inputs of new coverage and findings are kept")
    arguments = parser.parse_args()
    with atheris.instrument_imports(include=READERS):
        reader = readers.readers()[arguments.reader]
    with tempfile.TemporaryDirectory() as folder:
        corpus = arguments.corpus or Path(folder) / "corpus"
        corpus.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(reader.seeds):
            (corpus / f"seed-{number}").write_bytes(seed)
        place = Path(folder) / "read"
        place.mkdir()
        limits = [f"-max_total_time={arguments.seconds}", "-timeout=20", "-rss_limit_mb=4096", "-max_len=20000"]
        atheris.Setup(
            [sys.argv[0], *limits, "-print_final_stats=1", f"-artifact_prefix={corpus}/", str(corpus)],
            lambda content: reader.read(content, place),
        )
        atheris.Fuzz()


main()
