"""``harness predict``: what the kept predictor of a record says of a corpus."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.corpus import Corpus
    from harness.method import MethodInfo, Predictor
    from harness.models import Manifest
    from harness.record import Record
    from harness.shared import Arrays

_BATCH = 1024  # payloads predicted at a time, which bounds the memory


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

    The record's run must have kept its predictor: `harness run --save-models`.
    """
    import os

    from harness import registry
    from harness.cli import choices
    from harness.executor import SINGLE_THREADED
    from harness.models import restore
    from harness.store import Store

    os.environ |= SINGLE_THREADED  # as when the record was made, so that the last digits are the same
    registry.discover(plugin or [])
    store = Store(results)
    found = store.find(record)
    folder = store.model_path(found.cell, found.key)
    if found.status != "done" or not folder.is_dir():
        raise UserError(f"--record {record}: no predictor was kept of {found.cell.method}; {_why(found)}.")
    info = _method(found)
    choices.require(info)
    data = registry.open_benchmark(choices.benchmark_ref(corpus, mapping, where, strict)).corpus()
    predictor, manifest = restore(folder, info, found.key, shared=_not_shared)
    lines = _lines(predictor, manifest, data)
    if out is None:
        for line in lines:
            print(line)
    else:
        _write(out, lines)


def _method(record: "Record") -> "MethodInfo":
    from harness.verify import NotRebuilt, method_of

    try:
        return method_of(record.cell)
    except NotRebuilt as error:
        raise UserError(f"the method {record.cell.method} of the record cannot be opened: {error}.") from error


def _why(record: "Record") -> str:
    from harness.models import loadable
    from harness.views import AT

    if record.status != "done":
        return f"its cell is {record.status}"
    if AT in record.cell.scenario:
        return "it is a probe, which sees a part of each payload only"
    if not loadable(_method(record)):
        return "the method does not say how one is saved"
    return "run its cell again with --save-models"


def _not_shared(step: str, content: str, compute: "Callable[[], Arrays]") -> "Arrays":
    """Computes a shared step without keeping it: each batch comes once."""
    return compute()


def _lines(predictor: "Predictor", manifest: "Manifest", corpus: "Corpus") -> "Iterator[str]":
    import json

    import numpy as np

    from harness.metrics import check_probabilities

    samples = corpus.table.column("sample")
    for at in range(0, len(corpus), _BATCH):
        rows = np.arange(at, min(at + _BATCH, len(corpus)))
        table = predictor.predict_proba(corpus.payloads(rows))
        table = check_probabilities(table, len(rows), len(manifest.classes))
        for sample, row in zip(samples.take(rows).to_pylist(), table, strict=True):
            shares = (float(f"{share:.9g}") for share in row.tolist())  # 9 digits tell float32 values apart
            named = dict(zip(manifest.classes, shares, strict=True))
            line = {"sample": sample, "class": manifest.classes[int(row.argmax())], "probabilities": named}
            yield json.dumps(line, ensure_ascii=False)


def _write(out: Path, lines: "Iterator[str]") -> None:
    from harness.whole import whole

    try:
        with whole(out) as file, file.open("w", encoding="utf-8") as stream:
            stream.writelines(f"{line}\n" for line in lines)
    except OSError as error:
        raise UserError(f"--out {out}: it cannot be written ({error.strerror}).") from error
