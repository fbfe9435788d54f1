"""`harness.curve`: learning curves, runs of the same cells with different numbers of training rows."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from numbers import Integral
from pathlib import Path

from harness.api.benchmarks import BenchmarkLike, DataOptions
from harness.api.curve_results import CurveResults
from harness.api.methods import Methods
from harness.api.prepared_run import PreparedRun, RunOptions, positive, prepare
from harness.api.runs import executed, name_list, value_tuples
from harness.boards.learning_curves import ID
from harness.errors import UserError
from harness.protocol import preset as find_preset
from harness.scenario import Sizes

PRESET = "standard"  # one seed, as in the preset `quick`, gives no interval


def curve(
    methods: Methods,
    benchmark: BenchmarkLike = "synthetic",
    scenarios: str | Sequence[str] = (),
    rows: Sequence[int] = (),
    seeds: int | Sequence[int] | None = None,
    *,
    test_rows: int | None = None,
    trials: int | None = None,
    seconds: float | None = None,
    preset: str = PRESET,
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
    progress: bool = True,
) -> CurveResults:
    """Tunes, trains and scores methods with increasing numbers of training rows, and returns their learning curves.

    Cells with a record are not run again. The records are those of `harness.run`, but their preset is ``curve``, so no
    board shows them.

    Args:
        methods: as for `harness.run`.
        benchmark: as for `harness.run`.
        scenarios: names of the scenarios, at least one; each has curves of its own.
        rows: numbers of training rows, ascending, at least two. Validation has as many rows in proportion as in the
            preset.
        seeds: number of seeds, or a list of seeds; by default those of the preset.
        test_rows: most rows of each test; by default those of the preset.
        trials: configurations per cell; by default those of the preset.
        seconds: compute seconds (CPU time) of tuning per cell; by default those of the preset.
        preset: the preset that sets what is not given.

    The other arguments are those of `harness.run`.

    Raises:
        UserError: see `harness.run`; or ``rows`` are not ascending numbers, or a scenario has no learning curve.
        KeyboardInterrupt: Ctrl-C was pressed; finished cells keep their records, and the same call continues the run.

    Example:
        >>> curves = harness.curve("tfidf-logreg,majority", scenarios="cve-disjoint", rows=[55, 110, 330], seeds=3)
        >>> curves.table().to_csv("curve.csv")
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
        sampler=sampler,
        pruner=pruner,
        workers=workers,
        memory=memory,
        executor=executor,
        ray_address=ray_address,
        results=Path(results),
        precision=precision,
        device=device,
        plugins=[str(path) for path in plugins],
        retry_failed=retry_failed,
        rerun=rerun,
    )
    return CurveResults(executed(prepare_curve(options, rows, test_rows), progress), Path(results))


def prepare_curve(options: RunOptions, rows: Sequence[int], test_rows: int | None = None) -> PreparedRun:
    """Checks the options of learning curves and plans the cells of all numbers of rows as one run.

    The largest number comes first: its cells take longest, so that no worker ends with one of them alone.

    Raises:
        UserError: see `prepare`; or ``rows`` are not ascending numbers, no scenario is named, or one has no curve.
    """
    if not options.scenarios:
        raise UserError("--scenario: name at least one scenario, such as cve-disjoint.")
    sizes = _sizes(rows, options.preset, test_rows)
    prepared = prepare(options, curve=sizes[::-1])
    for spec in {cell.scenario.name: cell.scenario for cell in prepared.plan.cells}.values():
        if spec.view:
            raise UserError(f"--scenario {spec.name}: probes have no learning curve; name {spec.base_name}.")
        if not spec.scored and ID not in spec.environments:
            raise UserError(
                f"--scenario {spec.name}: it has neither shifted environments nor `{ID}`, so it has no learning curve."
            )
    return prepared


def _sizes(rows: Sequence[int], preset: str, test_rows: int | None) -> list[Sizes]:
    """Returns the sizes of training, validation and tests for each number of training rows."""
    text = ",".join(map(str, rows))
    if len(rows) < 2 or not all(map(_is_count, rows)):
        raise UserError(f"--rows {text}: the value must be two or more numbers above 0, as in 55,110,330.")
    if any(a >= b for a, b in pairwise(rows)):
        raise UserError(f"--rows {text}: the numbers must be ascending, each once, as in 55,110,330.")
    usual = find_preset(preset).sizes
    if test_rows is not None:
        positive("--test-rows", test_rows, test_rows)

    def validation(n: int) -> int | None:
        if usual.train is None or usual.validation is None:
            return None
        return max(1, round(n * usual.validation / usual.train))

    return [Sizes(int(n), validation(int(n)), usual.test if test_rows is None else test_rows) for n in rows]


def _is_count(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, Integral) and int(value) > 0
