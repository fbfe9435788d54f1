"""A process of its own: trains a method on toy data, saves it, and loads it after each of many changes of its files.

``python -m tests.security.load_changed_models METHOD COUNT``; COUNT 0 makes all changes. Prints one JSON line per
change before it loads the model and one after it. A change that takes a minute ends the process by SIGALRM.
"""

import json
import random
import resource
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from harness import UserError, registry
from harness.api.predictions import SavedPredictor, _not_shared
from harness.records import predictors
from harness.testing import Subject, toy
from tests.security import mutations

SECONDS = 60
MEMORY = 2 * 2**30  # more than the process has after training


def main(method: str, count: int) -> None:
    registry.discover()
    toy.ROWS = 24  # what is learned does not matter
    subject = Subject(registry.method(method))
    payloads = list(subject.toy.test.payloads)[:8]
    with tempfile.TemporaryDirectory() as place:
        folder, copy = Path(place) / "model", Path(place) / "copy"
        predictors.save(subject.predictor, subject.info, subject.context(), folder)
        attempt(subject, folder, payloads)
        limit_memory()
        chosen = list(mutations.changes(folder))
        if count:
            chosen = random.Random(0).sample(chosen, min(count, len(chosen)))
        for description, change in chosen:
            shutil.copytree(folder, copy)
            change(copy)
            mutations.reseal(copy)
            print(json.dumps(description), flush=True)
            signal.alarm(SECONDS)
            print(json.dumps(attempt(subject, copy, payloads)), flush=True)
            signal.alarm(0)
            shutil.rmtree(copy)


def limit_memory() -> None:
    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))


def attempt(subject: Subject, folder: Path, payloads: list[bytes]) -> tuple[str, str]:
    """The outcome: ``predicts`` (with finite probabilities) or ``refused``, and the sentence."""
    try:
        saved = SavedPredictor(*predictors.restore(folder, subject.info, shared=_not_shared))
        saved.probabilities(payloads)
    except UserError as error:
        return "refused", str(error)
    return "predicts", ""


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
