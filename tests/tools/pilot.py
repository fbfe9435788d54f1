"""The pilot: scores the default and random configurations of every ranked method on CVEs that no fold tests.

``make pilot`` trains what ``results/pilot.jsonl`` lacks and rewrites docs/defaults.md, which describes the pilot.
Defaults are chosen by it, and by nothing that a board shows. A stopped pilot goes on where it was.
"""

import argparse
import functools
import json
import multiprocessing
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from harness.benchmarks.synthetic.scenarios import build_pilot

from harness import BenchmarkRef, Context, Payloads, Sizes, TrainingData, UserError, registry, seeds, space
from harness.errors import format_error
from harness.evaluation.metrics import check_probabilities, confusion, macro_f1
from harness.execution.budget import Budget, Ledger
from harness.execution.local_executor import SINGLE_THREADED
from harness.method import MethodInfo, Tag
from harness.protocol import preset
from harness.scenarios.training_data import training_and_validation
from tests.conftest import ROOT
from tests.tools import pilot_table
from tests.tools.pilot_table import Line

SCENARIOS = ("cve-disjoint", "planted-80")
FOLDS = (0, 1, 2)  # seeds: training and validation are drawn anew, the tested rows are the same
TRIALS = 16
SECONDS = 3600.0  # of one training: far more than a cell has, so that no configuration is cut short


@dataclass(frozen=True)
class Training:
    """One training to run; ``sizes`` are the rows of training and validation."""

    method: str
    version: int
    scenario: str
    scenario_version: int
    fold: int
    configuration: int
    params: Mapping[str, Any]
    sizes: tuple[int, int]

    @property
    def key(self) -> str:
        """Identifies the training's line in the results file."""
        return json.dumps(asdict(self), sort_keys=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains what the results file lacks, prints the table and writes it into docs/defaults.md."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.pilot", description=__doc__)
    parser.add_argument("--methods", type=_words, help="names, separated by commas; by default every ranked one")
    parser.add_argument("--trials", type=int, default=TRIALS, help="random configurations of each method")
    parser.add_argument("--folds", type=_numbers, default=FOLDS, help="numbers of folds, separated by commas")
    parser.add_argument("--jobs", type=int, default=1, help="processes, of one thread each")
    options = parser.parse_args(arguments)
    sizes = preset("standard").sizes
    assert sizes.train is not None
    assert sizes.validation is not None
    try:
        trainings = plan(options.methods, options.trials, options.folds, (sizes.train, sizes.validation))
    except UserError as error:
        parser.error(str(error))
    run(trainings, options.jobs, pilot_table.RESULTS)
    print(pilot_table.rewrite())


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def plan(names: Sequence[str] | None, trials: int, folds: Sequence[int], sizes: tuple[int, int]) -> list[Training]:
    """Returns the trainings of methods, method by method and fold by fold.

    Args:
        names: methods; None for every ranked one with a search space.
        trials: random configurations of each method.
        folds: seeds of the draws of training and validation.
        sizes: rows of training and validation.

    Raises:
        UserError: no such method is registered, or one has nothing to search.
    """
    registry.discover()
    benchmark = registry.open_benchmark(BenchmarkRef("synthetic"))
    versions = {spec.name: spec.version for spec in benchmark.scenarios()}
    infos = [registry.method(name) for name in names or pilot_table.ranked_methods()]
    for info in infos:
        if not info.space:
            raise UserError(f"{info.name} has no search space, so it has no default to choose.")
    return [
        Training(info.name, info.version, scenario, versions[scenario], fold, number, params, sizes)
        for info in infos
        for fold in folds
        for number, params in enumerate(configurations(info, trials))
        for scenario in SCENARIOS
    ]


def configurations(info: MethodInfo, trials: int) -> Iterator[dict[str, Any]]:
    """Yields the default configuration, then random ones, each drawn by a seed of the method's name and its number."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield space.defaults(info.space)
    for number in range(1, trials + 1):
        seed = seeds.integer(0, "search", (*info.name.encode(), number))
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
        yield space.draw(info.space, study.ask())


def run(trainings: Sequence[Training], jobs: int, file: Path) -> None:
    """Runs the trainings that a results file lacks, and appends a line for each.

    Args:
        trainings: see `plan`.
        jobs: number of processes.
        file: the results file, one JSON object per line.
    """
    done = keys(file)
    missing = [training for training in trainings if training.key not in done]
    print(f"{len(trainings) - len(missing)} of {len(trainings)} trainings are in {file}.", flush=True)
    sys.path.append(str(ROOT))  # new processes import this module by its name, and pytest has no path to it
    # New processes, so that the libraries start with one thread, as in a cell.
    os.environ.update(SINGLE_THREADED)
    file.parent.mkdir(parents=True, exist_ok=True)
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"))
    try:
        with file.open("a", encoding="utf-8") as stream:
            for number, line in enumerate(pool.map(train, missing), 1):
                stream.write(json.dumps(asdict(line)) + "\n")
                stream.flush()
                score = line.error or f"macro-F1 {line.macro_f1:.3f}, {line.seconds:.1f} s"
                place = f"{line.method} on {line.scenario}, fold {line.fold}, configuration {line.configuration}"
                print(f"{number}/{len(missing)} {place}: {score}", flush=True)
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C, the trainings that have not started are not waited for


def keys(file: Path) -> set[str]:
    """Returns the keys of the trainings in a results file."""
    names = Training.__dataclass_fields__
    return {Training(**{name: getattr(line, name) for name in names}).key for line in pilot_table.read(file)}


def train(training: Training) -> Line:
    """Trains one configuration as a trial of a cell is trained, and scores it on the pilot CVEs."""
    registry.discover()
    info = registry.method(training.method)
    data = data_of(training.scenario, training.fold, training.sizes, info.tags)
    ledger, reports = Ledger(Budget(1, SECONDS)), list[tuple[int, float]]()
    context = Context.of(
        data.classes,
        seed=seeds.integer(training.fold, "init"),
        shared=ledger.shared,
        should_stop=ledger.exhausted,
        charge=ledger.charge,
        report=lambda step, score: reports.append((step, score)),
    )
    score, error = 0.0, ""
    try:
        with ledger.trial():
            predictor = info.factory().fit(data.train, data.validation, training.params, context)
        seconds = ledger.total_seconds
        table = check_probabilities(predictor.predict_proba(data.payloads), len(data.labels), len(data.classes))
        score = macro_f1(confusion(data.labels, table.argmax(axis=1), len(data.classes)))
    except Exception as raised:  # the method's own code; in a cell, too, the search goes on without the trial
        seconds, error = ledger.total_seconds, format_error(raised)
    best, epochs = best_epoch(reports)
    return Line(**asdict(training), macro_f1=score, best_epoch=best, epochs=epochs, seconds=seconds, error=error)


def best_epoch(reports: Sequence[tuple[int, float]]) -> tuple[int, int]:
    """Returns the epoch with the best reported score, from 1, and the number of epochs; zeros without reports.

    A method that trains twice reports its epochs from the start again; the last stage counts.
    """
    scores: list[float] = []
    last = -1
    for step, score in reports:
        if step <= last:
            scores.clear()
        scores.append(score)
        last = step
    return (int(np.argmax(scores)) + 1, len(scores)) if scores else (0, 0)


@dataclass(frozen=True)
class PilotData:
    """Training and validation data, and the payloads and labels, int64 (n,), of the pilot CVEs."""

    train: TrainingData
    validation: TrainingData
    payloads: Payloads
    labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]


@functools.lru_cache(maxsize=8)
def data_of(scenario: str, fold: int, sizes: tuple[int, int], tags: frozenset[Tag]) -> PilotData:
    """Returns the data of a training: what a method with these tags may see, and the rows that it is scored on."""
    benchmark = registry.open_benchmark(BenchmarkRef("synthetic"))
    corpus = benchmark.corpus()
    spec = next(spec for spec in benchmark.scenarios() if spec.name == scenario)
    drawn = build_pilot(corpus, spec, fold, Sizes(*sizes, None))
    train, validation = training_and_validation(corpus, drawn, tags)
    tests = drawn.environments["neutral"]
    return PilotData(train, validation, tests.render(corpus), corpus.labels[tests.rows], corpus.classes)


if __name__ == "__main__":
    main()
