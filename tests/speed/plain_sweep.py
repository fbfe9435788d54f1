"""The sweep that a researcher would write with Optuna alone: one process, no isolation, no records, no resume.

``python -m tests.speed.plain_sweep FILE SEEDS TRIALS``
"""

import json
import sys

import numpy as np
import optuna

from harness import Context, Payloads, Predictor, TrainingData, input_forms, registry
from harness.data import taxonomy
from harness.evaluation.metrics import confusion, macro_f1
from harness.storage.shared_steps import SharedSteps


def read(path: str) -> tuple[Payloads, np.ndarray, list[str]]:
    with open(path, encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    classes = sorted({row["class"] for row in rows})
    labels = np.array([classes.index(row["class"]) for row in rows])
    return Payloads.from_list(row["raw"].encode("latin-1") for row in rows), labels, classes


def main(path: str, seeds: int, trials: int) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    registry.discover()
    method = registry.method("tfidf-logreg").factory()
    payloads, labels, classes = read(path)
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(payloads))
        parts = np.split(order, [int(0.68 * len(order)), int(0.84 * len(order))])
        train, validation, test = (TrainingData(payloads.take(rows), labels[rows]) for rows in parts)
        context = Context(
            seed=seed,
            classes=tuple(taxonomy.threat_class(name) for name in classes),
            device="cpu",
            precision="float32",
            shared=SharedSteps(),
        )
        best: tuple[float, Predictor | None] = (-1.0, None)
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=seed))
        study.enqueue_trial({name: dimension.default for name, dimension in method.space.items()})
        for _ in range(trials):
            trial = study.ask()
            params = {
                "input": trial.suggest_categorical("input", list(input_forms.FORMS)),
                "c": trial.suggest_float("c", 1e-1, 1e3, log=True),
                "longest": trial.suggest_int("longest", 3, 6),
                "balanced": trial.suggest_categorical("balanced", [False, True]),
            }
            predictor = method.fit(train, validation, params, context)
            guess = predictor.predict_proba(validation.payloads).argmax(1)
            value = macro_f1(confusion(validation.labels, guess, len(classes)))
            study.tell(trial, value)
            best = max(best, (value, predictor), key=lambda pair: pair[0])
        assert best[1] is not None
        guess = best[1].predict_proba(test.payloads).argmax(1)
        print(seed, round(macro_f1(confusion(test.labels, guess, len(classes))), 3))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
