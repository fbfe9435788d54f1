"""What the version of a scenario of ``synthetic`` stands for: its rows, and the bytes that every environment shows.

``python -m tests.tools.pinned`` draws them anew and rewrites pinned.json; do that after raising the version of a
scenario, or the protocol's, whose draw you meant to change: its records are made anew then.
"""

import hashlib
import json
from pathlib import Path

from harness import BenchmarkRef, Environment, Sizes, hashing, registry
from harness.data.corpus import Corpus
from harness.protocol import PROTOCOL_VERSION

FILE = Path(__file__).parent / "pinned.json"
SIZES = Sizes(110, 55, 55)
SEEDS = (0, 7)  # one of the first partition into folds, one of the second


def _digest(corpus: Corpus, environment: Environment) -> str:
    shown = environment.render(corpus)
    digest = hashlib.sha256(environment.rows.tobytes())
    digest.update(shown.data.tobytes())
    digest.update(shown.offsets.tobytes())
    for part in (environment.groups, environment.sources):
        digest.update(b"" if part is None else part.tobytes())
    return digest.hexdigest()


def drawn() -> dict[str, str]:
    """A hash per scenario and version: of all its environments and of both seeds."""
    registry.discover()
    benchmark = registry.open_benchmark(BenchmarkRef("synthetic"))
    corpus = benchmark.corpus()
    out = {}
    for spec in benchmark.scenarios():
        parts = []
        for seed in SEEDS:
            scenario = benchmark.build(corpus, spec, seed, SIZES)
            shown = {"train": scenario.train, "validation": scenario.validation, **scenario.environments}
            parts += [[name, _digest(corpus, environment)] for name, environment in sorted(shown.items())]
        out[f"{spec.name}, version {spec.version}, protocol {PROTOCOL_VERSION}"] = hashing.of_json(parts)[:16]
    return out


if __name__ == "__main__":
    FILE.write_text(json.dumps(drawn(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
