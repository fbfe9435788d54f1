"""``harness predict``: applies the saved predictor of a record to a corpus."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options, printing
from harness.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator


def predict(
    corpus: Annotated[str, typer.Argument(metavar="CORPUS", help="Benchmark, or files:PATH.")],
    record: Annotated[str, typer.Option(metavar="KEY", help="Record key, or its first characters.")],
    results: Annotated[Path, typer.Option(metavar="DIR", help="Results folder.")] = Path("results/local"),
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Output file (default: standard output).")] = None,
    plugin: options.Plugin = None,
    mapping: options.Map = None,
    where: options.Where = None,
    strict: options.Strict = False,
    allow_external: options.AllowExternal = False,
) -> None:
    """Predict the classes of payloads with a saved method.

    Prints one JSON line per payload: its sample id, the predicted class, and the probability of each class. The data
    need no labels. A sample without a mapped id gets its row number in the file, from 0. Skipped rows are reported on
    standard error. The record must come from `harness run --save-models`.
    """
    import json
    import os

    from harness import registry
    from harness.api.benchmarks import open_benchmark
    from harness.api.predictions import load_predictor
    from harness.execution.local_executor import SINGLE_THREADED

    os.environ |= SINGLE_THREADED  # as in the run, so that the last digits are the same
    registry.discover(plugin or [])
    saved = load_predictor(record, results, allow_external)
    data = open_benchmark(corpus, options.data_options(mapping, where, strict))
    if out is not None and (source := data.source()) and out.exists() and source.samefile(out):
        raise UserError(f"--out {out}: this is the input file; name another file.")
    requests = data.unlabelled(lambda note: printing.say(f"note: {note}", error=True))
    lines = (json.dumps(line, allow_nan=False) for line in saved.each(requests))
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
        raise UserError(f"--out {out}: the file cannot be written ({error.strerror}).") from error
