"""``harness predict``: what the kept predictor of a record says of a corpus."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator


def predict(
    corpus: Annotated[str, typer.Argument(metavar="CORPUS", help="A benchmark's name, or files:PATH.")],
    record: Annotated[str, typer.Option(metavar="KEY", help="Key of the record, or how it begins.")],
    results: Annotated[Path, typer.Option(metavar="DIR", help="Where the record lies.")] = Path("results/local"),
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the lines go; standard output by default.")
    ] = None,
    plugin: options.Plugin = None,
    mapping: options.Map = None,
    where: options.Where = None,
    strict: options.Strict = False,
) -> None:
    """Print a JSON line per payload: its sample id, the predicted class, and the probability of each class.

    No label is needed. A sample without a mapped id is the row's place in the file, from 0. What is left out is said on
    standard error. The record's run must have kept its predictor: `harness run --save-models`.
    """
    import json
    import os
    import sys

    from harness import registry
    from harness.api.benchmarks import open_benchmark
    from harness.api.predictions import load_predictor
    from harness.execution.local_executor import SINGLE_THREADED
    from harness.safe_text import printable

    os.environ |= SINGLE_THREADED  # as when the record was made, so that the last digits are the same
    registry.discover(plugin or [])
    saved = load_predictor(record, results)
    data = open_benchmark(corpus, options.data_options(mapping, where, strict))
    if out is not None and (read := data.source()) and out.exists() and read.samefile(out):
        raise UserError(f"--out {out}: this is the file that is read; name another.")
    requests = data.unlabelled(lambda note: print(f"note: {printable(note)}", file=sys.stderr))
    lines = (json.dumps(line, ensure_ascii=False) for line in saved.each(requests))
    if out is None:
        for line in lines:
            print(line)
    else:
        _write(out, lines)


def _write(out: Path, lines: "Iterator[str]") -> None:
    from harness.storage.atomic_write import atomic_write

    try:
        with atomic_write(out) as file, file.open("w", encoding="utf-8") as stream:
            stream.writelines(f"{line}\n" for line in lines)
    except OSError as error:
        raise UserError(f"--out {out}: it cannot be written ({error.strerror}).") from error
