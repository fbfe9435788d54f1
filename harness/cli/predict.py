"""``harness predict``: what the kept predictor of a record says of a corpus."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    import numpy.typing as npt

    from harness.method import MethodInfo, Predictor
    from harness.records.predictors import Manifest
    from harness.records.schema import Record
    from harness.storage.shared_steps import Arrays

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

    No label is needed. A sample without a mapped id is the row's place in the file, from 0. What is left out is said on
    standard error. The record's run must have kept its predictor: `harness run --save-models`.
    """
    import os
    import sys

    from harness import registry
    from harness.cli import choices
    from harness.execution.local_executor import SINGLE_THREADED
    from harness.records.predictors import restore
    from harness.records.store import Store
    from harness.safe_text import printable

    os.environ |= SINGLE_THREADED  # as when the record was made, so that the last digits are the same
    registry.discover(plugin or [])
    store = Store(results)
    found = store.find(record)
    folder = store.model_path(found.id)
    if found.status != "done" or not folder.is_dir():
        raise UserError(f"--record {record}: no predictor was kept of {found.cell.method}; {_why(found)}.")
    info = _method(found)
    choices.require(info)
    data = registry.open_benchmark(choices.benchmark_ref(corpus, mapping, where, strict))
    if out is not None and (read := data.source()) and out.exists() and read.samefile(out):
        raise UserError(f"--out {out}: this is the file that is read; name another.")
    predictor, manifest = restore(folder, info, found.key, shared=_not_shared)
    requests = data.unlabelled(lambda note: print(f"note: {printable(note)}", file=sys.stderr))
    lines = _lines(predictor, manifest, requests)
    if out is None:
        for line in lines:
            print(line)
    else:
        _write(out, lines)


def _method(record: "Record") -> "MethodInfo":
    from harness.execution.rerun import NotRebuilt, method_of

    try:
        return method_of(record.cell)
    except NotRebuilt as error:
        raise UserError(f"the method {record.cell.method} of the record cannot be opened: {error}.") from error


def _why(record: "Record") -> str:
    from harness.records.predictors import loadable
    from harness.scenarios.input_views import AT

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


def _lines(predictor: "Predictor", manifest: "Manifest", requests: "Iterator[tuple[str, bytes]]") -> "Iterator[str]":
    import json
    from itertools import islice

    while batch := list(islice(requests, _BATCH)):
        table = _predicted(predictor, manifest, [payload for _, payload in batch])
        for (sample, _), row in zip(batch, table, strict=True):
            shares = (float(f"{share:.9g}") for share in row.tolist())  # 9 digits tell float32 values apart
            named = dict(zip(manifest.classes, shares, strict=True))
            line = {"sample": sample, "class": manifest.classes[int(row.argmax())], "probabilities": named}
            yield json.dumps(line, ensure_ascii=False)


def _predicted(predictor: "Predictor", manifest: "Manifest", payloads: list[bytes]) -> "npt.NDArray[np.float32]":
    from harness.data.payloads import Payloads
    from harness.evaluation.metrics import check_probabilities

    try:
        table = predictor.predict_proba(Payloads.from_list(payloads))
        return check_probabilities(table, len(payloads), len(manifest.classes))
    except Exception as error:
        raise UserError(
            f"the kept predictor of {manifest.method} fails ({type(error).__name__}: {error}); if its code was changed "
            "since, raise the method's version and run its cell again with --save-models."
        ) from error


def _write(out: Path, lines: "Iterator[str]") -> None:
    from harness.storage.atomic_write import whole

    try:
        with whole(out) as file, file.open("w", encoding="utf-8") as stream:
            stream.writelines(f"{line}\n" for line in lines)
    except OSError as error:
        raise UserError(f"--out {out}: it cannot be written ({error.strerror}).") from error
