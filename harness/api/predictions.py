"""Predicts the classes of a corpus or of payloads in memory with a saved predictor."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness import registry
from harness.api.benchmarks import BenchmarkLike, DataOptions, open_benchmark, payload_list
from harness.api.methods import check_requirements
from harness.api.result_table import ResultTable
from harness.data.payloads import Payloads
from harness.errors import UserError
from harness.evaluation.metrics import check_probabilities
from harness.execution.recorded_methods import NotRebuilt, method_of
from harness.method import MethodInfo, Predictor
from harness.records.predictors import Manifest, loadable, restore_of_record
from harness.records.schema import Record
from harness.records.store import Store
from harness.safe_text import printable
from harness.storage.shared_steps import Arrays

_BATCH = 1024  # payloads per call of the predictor; limits the memory


@dataclass(frozen=True)
class SavedPredictor:
    """The saved predictor of a record.

    Attributes:
        predictor: the predictor.
        manifest: its manifest; ``classes`` are the columns of the probabilities.
    """

    predictor: Predictor
    manifest: Manifest

    def probabilities(self, payloads: Sequence[bytes]) -> npt.NDArray[np.float32]:
        """Returns class probabilities, float32 (payloads, classes).

        Raises:
            UserError: the predictor fails.
        """
        try:
            # Numbers that overflow end in values that are not finite, which `check_probabilities` reports.
            with np.errstate(all="ignore"):
                table = self.predictor.predict_proba(Payloads.from_list(payloads))
            return check_probabilities(table, len(payloads), len(self.manifest.classes))
        except Exception as error:
            raise UserError(
                f"the saved predictor of {self.manifest.method} fails ({type(error).__name__}: "
                f"{printable(str(error))}); if its code has changed since, increase the method's version and run its "
                "cell again with --save-models."
            ) from error

    def each(self, requests: Iterable[tuple[str, bytes]]) -> Iterator[dict[str, Any]]:
        """Yields ``sample``, ``class`` and ``probabilities`` (by class) of each request, batch by batch."""
        requests = iter(requests)
        while batch := list(islice(requests, _BATCH)):
            table = self.probabilities([payload for _, payload in batch])
            for (sample, _), row in zip(batch, table, strict=True):
                shares = (float(f"{share:.9g}") for share in row.tolist())  # 9 digits identify a float32 value
                named = dict(zip(self.manifest.classes, shares, strict=True))
                yield {"sample": sample, "class": self.manifest.classes[int(row.argmax())], "probabilities": named}


def load_predictor(record: str, results: Path, allow_external: bool = False) -> SavedPredictor:
    """Loads the saved predictor of a record; the plug-in of its method must be loaded.

    Args:
        record: key of the record, or its first digits.
        results: results folder.
        allow_external: open what the record's method names outside of the harness, such as an encoder's folder.

    Raises:
        UserError: the record does not exist, it has no saved predictor, or the predictor cannot be loaded here.
    """
    store = Store(results)
    match = store.find(record)
    folder = store.model_path(match.id)
    if match.status != "done" or not folder.is_dir():
        raise UserError(
            f"--record {record}: {match.cell.method} has no saved predictor; {_reason(match, allow_external)}."
        )
    info = _method(match, allow_external)
    check_requirements([info])
    return SavedPredictor(*restore_of_record(match, folder, info, _not_shared))


def predict(
    benchmark: BenchmarkLike,
    record: str,
    *,
    results: str | Path = "results/local",
    mapping: Mapping[str, str] | None = None,
    where: Mapping[str, Sequence[str]] | None = None,
    strict: bool = False,
    plugins: Sequence[str | Path] = (),
    allow_external: bool = False,
) -> ResultTable:
    r"""Returns the class and the class probabilities of each payload by a saved predictor; no labels are needed.

    Args:
        benchmark: a benchmark's name, ``files:PATH``, a data file's path, or a list of payloads (bytes or text).
        record: key of the record, or its first digits; its run must have saved the predictor (``save_models=True``).
        results: results folder of the record.
        mapping: field of the harness to column of the data, for example ``{"payload": "raw"}``.
        where: column to allowed values; other rows are left out.
        strict: raise an error if rows cannot be used; by default they are left out.
        plugins: Python files that register the record's method.
        allow_external: open what the record's method names outside of the harness, such as an encoder's folder.

    Returns:
        One row per payload: ``sample``, ``class``, and a column per class with its probability.

    Raises:
        UserError: the record or its predictor does not exist, or the data cannot be read.

    Example:
        >>> harness.predict([b"GET /?id=1' OR '1'='1 HTTP/1.1\r\n\r\n"], record="3f2a", results="results/local")
    """
    registry.discover([str(path) for path in plugins])
    saved = load_predictor(record, Path(results), allow_external)
    if isinstance(benchmark, list | tuple | Payloads) and not _is_pair(benchmark):
        requests: Iterable[tuple[str, bytes]] = ((str(i), p) for i, p in enumerate(payload_list(benchmark)))
    else:
        allowed = {column: tuple(values) for column, values in (where or {}).items()}
        data = open_benchmark(benchmark, DataOptions(mapping or {}, allowed, strict))
        requests = data.unlabelled(lambda note: None)
    rows = [{**line, **line.pop("probabilities")} for line in saved.each(requests)]
    return ResultTable.of_rows(rows, ("sample", "class", *saved.manifest.classes))


def _is_pair(value: Sequence[Any]) -> bool:
    """Whether a sequence is a pair (payloads, labels) and not a list of two payloads."""
    return len(value) == 2 and not isinstance(value[0], bytes | str | bytearray)


def _method(record: Record, allow_external: bool) -> MethodInfo:
    try:
        return method_of(record.cell, allow_external)
    except NotRebuilt as error:
        raise UserError(f"the record's method {record.cell.method} cannot be loaded: {error}.") from error


def _reason(record: Record, allow_external: bool) -> str:
    if record.status != "done":
        return f"the status of its cell is {record.status}"
    if record.cell.view:
        return "it is a probe, which reads only a part of each payload"
    if not loadable(_method(record, allow_external)):
        return "the method does not support saving"
    return "run its cell again with --save-models"


def _not_shared(step: str, content: str, compute: Callable[[], Arrays]) -> Arrays:
    """Computes a shared step without caching it, since each batch is predicted once."""
    return compute()
