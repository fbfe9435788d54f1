"""`harness.run`: a run from Python."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.api.benchmarks import BenchmarkLike, DataOptions
from harness.api.methods import Methods
from harness.api.prepared_run import PreparedRun, Rows, RunOptions, execute, prepare
from harness.api.results import Results
from harness.errors import UserError
from harness.records.schema import Record


def run(
    methods: Methods = "all",
    benchmark: BenchmarkLike = "synthetic",
    scenarios: str | Sequence[str] = (),
    seeds: int | Sequence[int] | None = None,
    *,
    trials: int | None = None,
    seconds: float | None = None,
    preset: str = "quick",
    rows: Rows | None = None,
    sampler: str = "random",
    pruner: str = "none",
    mapping: Mapping[str, str] | None = None,
    where: Mapping[str, Sequence[str]] | None = None,
    strict: bool = False,
    target: BenchmarkLike = "",
    target_mapping: Mapping[str, str] | None = None,
    target_where: Mapping[str, Sequence[str]] | None = None,
    text: BenchmarkLike = "",
    text_mapping: Mapping[str, str] | None = None,
    perturb: str | Sequence[str] = (),
    depth: int | None = None,
    draws: int | None = None,
    diagnostics: bool = False,
    labels: Mapping[str, str] | None = None,
    timeout: float | None = None,
    workers: int | None = None,
    memory: float | None = None,
    precision: str = "auto",
    device: str = "auto",
    executor: str = "local",
    ray_address: str = "",
    results: str | Path = "results/local",
    plugins: Sequence[str | Path] = (),
    retry_failed: bool = False,
    rerun: bool = False,
    save_models: bool = False,
    progress: bool = True,
) -> Results:
    """Tunes, trains and scores methods on a benchmark, and returns the records; cells with a record are not run again.

    If the code of a plug-in or of a class in memory has changed, its cells run again under other keys, with a warning.

    Args:
        methods: comma-separated names as on the command line (``all`` for every ranked method); or a `Method`
            subclass, a scikit-learn estimator, or a function that returns one; or several of these, in a list or in a
            mapping from names to them.
        benchmark: a benchmark's name, ``files:PATH``, a data file's path, a pair (payloads, labels), or a mapping of
            columns (``payload``, ``label``, and more as docs/benchmarks.md lists them).
        scenarios: names of scenarios, ``all`` for every one; by default those of the benchmark for the preset, without
            those with scarce labels.
        seeds: number of seeds, or a list of seeds; by default those of the preset.
        trials: configurations per cell; by default those of the preset.
        seconds: compute seconds (CPU time) of tuning per cell; by default those of the preset.
        preset: ``quick`` (a smoke test, not ranked), ``standard`` or ``full``.
        rows: most rows of training, validation and each test; None in it for no limit; by default those of the preset.
        sampler: draws the configurations of all trials but the first: ``random`` or ``tpe``.
        pruner: ``none``, ``median`` or ``hyperband``.
        mapping: field of the harness to column of the data, for example ``{"payload": "raw", "label": "attack"}``.
        where: column to allowed values; other rows are left out.
        strict: raise an error if rows cannot be used; by default they are left out.
        target: another corpus to test on, with its ``target_mapping`` and ``target_where``.
        text: a corpus whose descriptions are added to the training, with its ``text_mapping``.
        perturb: perturbation suites to test in addition to the scenario's own environments.
        depth: most perturbations of one payload, 1 to 3.
        draws: perturbed draws of each payload, for the worst case.
        diagnostics: add tests without the attack, and probes on parts of the input.
        labels: for ``FAMILY:ARGUMENT`` methods, the class of each answer.
        timeout: seconds to wait for an answer of such a method.
        workers: number of cells that run at the same time; by default one per core.
        memory: memory limit of a worker in gigabytes; by default a fair share of the machine, infinity for no limit.
        precision: precision of torch methods: ``auto``, ``float32`` or ``bfloat16``.
        device: where torch methods compute: ``auto`` (a GPU if there is one), ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        executor: ``local`` or ``ray``, with ``ray_address``.
        results: folder of records.
        plugins: Python files that register methods or benchmarks.
        retry_failed: run failed cells again.
        rerun: run all cells again, also those with a record; a record is replaced when its cell has ended.
        save_models: save the predictor of each done cell, for `predict`.
        progress: show progress on standard error, or in the notebook.

    Returns:
        The records of all requested cells, including those of earlier runs.

    Raises:
        UserError: an option is out of range or names something unknown, the data cannot be used, or a record could not
            be read or written; all other cells have run.
        KeyboardInterrupt: Ctrl-C was pressed; finished cells keep their records, and the same call continues the run.

    Example:
        >>> results = harness.run("tfidf-logreg,majority", "synthetic", scenarios="cve-disjoint", seeds=3)
        >>> results.table().to_csv("board.csv")
    """
    data = DataOptions(
        mapping or {},
        value_tuples(where),
        strict,
        target,
        target_mapping or {},
        value_tuples(target_where),
        text,
        text_mapping or {},
    )
    options = RunOptions(
        methods=methods,
        benchmark=benchmark,
        data=data,
        scenarios=name_list(scenarios),
        seeds=range(seeds) if isinstance(seeds, int) else seeds,
        trials=trials,
        seconds=seconds,
        preset=preset,
        rows=rows,
        sampler=sampler,
        pruner=pruner,
        workers=workers,
        memory=memory,
        executor=executor,
        ray_address=ray_address,
        results=Path(results),
        precision=precision,
        device=device,
        perturb=name_list(perturb),
        depth=depth,
        draws=draws,
        diagnostics=diagnostics,
        plugins=[str(path) for path in plugins],
        labels=labels or {},
        timeout=timeout,
        retry_failed=retry_failed,
        rerun=rerun,
        save_models=save_models,
    )
    prepared = prepare(options)
    return Results(executed(prepared, progress), Path(results))


def executed(prepared: PreparedRun, progress: bool) -> tuple[Record, ...]:
    """Executes a prepared run as Python functions do: warnings and exceptions in place of printed lines.

    Args:
        prepared: return value of `prepare`.
        progress: show progress on standard error, or in the notebook.

    Returns:
        The records of all requested cells.

    Raises:
        UserError: the run cannot start, or a record could not be read or written; all other cells have run.
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    from harness.api.console import PrintableConsole

    for sentence in prepared.changed:
        warnings.warn(sentence, stacklevel=3)
    outcome = execute(prepared, PrintableConsole(stderr=True), progress)
    if outcome.interrupted:
        raise KeyboardInterrupt
    if outcome.read_errors:
        raise UserError(f"{len(outcome.read_errors)} cells did not run: {outcome.read_errors[0]}")
    if outcome.write_errors:
        raise UserError(f"{len(outcome.write_errors)} records could not be written: {outcome.write_errors[0]}")
    return tuple(outcome.records)


def name_list(names: str | Sequence[str]) -> list[str]:
    """Returns names from a list or a comma-separated text, without empty ones and repeats."""
    if isinstance(names, str):
        names = names.split(",")
    return list(dict.fromkeys(name.strip() for name in names if name.strip()))


def value_tuples(where: Mapping[str, Sequence[str]] | None) -> dict[str, tuple[str, ...]]:
    """Returns the allowed values of each column as tuples; a single text is one value."""
    return {column: (values,) if isinstance(values, str) else tuple(values) for column, values in (where or {}).items()}
