"""Writes the expected times of cells from the records of a run: python -m tests.tools.cell_seconds FOLDER

The records must be in float32 and of one processor, this one, and hold every method of interest on the same scenarios
and seeds.
"""

import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness import registry
from harness.execution import expected_time
from harness.execution.expected_time import TEXT, CellSeconds, MethodSeconds, calibrate
from harness.records.provenance import here
from harness.records.schema import Record
from harness.records.store import Store


def main(folder: Path) -> None:
    registry.discover()
    records = [record for record in Store(folder).contents().records if record.status == "done"]
    if {record.cell.precision for record in records} != {"float32"}:
        sys.exit(f"{folder}: the records must be in float32; run with --precision float32.")
    processors = {record.provenance.machine["processor"] for record in records} | {here("").machine["processor"]}
    if len(processors) != 1:
        sys.exit(f"{folder}: the records must be of one processor, this one, not of {sorted(processors)}.")
    shared = {name: info.shared for name, info in registry.methods().items()}
    times = measured(records, shared, processors.pop(), calibrate())
    Path(expected_time.__file__).with_name("cell_seconds.json").write_text(_json(times), encoding="utf-8")


def measured(records: Iterable[Record], shared: dict[str, str], processor: str, calibration: float) -> CellSeconds:
    """``shared`` holds the declared shared step of each method, empty for none."""
    by_method: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_method[record.cell.method].append(record)
    charged = {
        name: statistics.mean(1000 * record.provenance.shared_seconds / _rows(record) for record in group)
        for name, group in by_method.items()
    }
    text = {name for name, group in by_method.items() if "text" in group[0].cell.tags}
    steps: dict[str, float] = {}
    # What all methods with a step pay is the step; what one of them pays beyond it, such as for copies, is its own.
    for name in by_method.keys() - text:
        if shared[name]:
            steps[shared[name]] = min(charged[name], steps.get(shared[name], charged[name]))
    beyond = {name: max(0.0, charged[name] - steps.get(shared[name], 0.0)) for name in by_method}
    steps[TEXT] = min((beyond[name] for name in text), default=0.0)
    methods = {}
    for name, group in sorted(by_method.items()):
        own = max(0.0, beyond[name] - (steps[TEXT] if name in text else 0.0))
        tuning = statistics.mean(
            (record.provenance.compute_seconds + own * _rows(record) / 1000) / (record.cell.trials * _train(record))
            for record in group
        )
        scoring = statistics.mean(
            (record.provenance.predict_seconds + record.provenance.trial_scoring_seconds)
            / (record.cell.trials * _tested(record))
            for record in group
        )
        methods[name] = MethodSeconds(round(1000 * tuning, 3), round(1000 * scoring, 3))
    start = statistics.median(_beside(record) for group in by_method.values() for record in group)
    return CellSeconds(
        processor,
        round(calibration, 6),
        round(start, 3),
        {name: round(seconds, 3) for name, seconds in sorted(steps.items())},
        methods,
    )


def _train(record: Record) -> int:
    assert record.result is not None
    return record.result.rows["train"]


def _tested(record: Record) -> int:
    assert record.result is not None
    return int(sum(metrics["rows"] for metrics in record.result.metrics.values()))


def _rows(record: Record) -> int:
    return _train(record) + _tested(record)


def _beside(record: Record) -> float:
    cost = record.provenance
    spent = cost.compute_seconds + cost.predict_seconds + cost.trial_scoring_seconds
    return max(0.0, (cost.wall_seconds or 0.0) - spent) if not cost.shared_seconds else 0.1


def _json(times: CellSeconds) -> str:
    content: dict[str, Any] = {**vars(times)}
    methods = content.pop("methods")
    lines = ",\n".join(f"  {json.dumps(name)}: [{one.tuning}, {one.scoring}]" for name, one in methods.items())
    head = json.dumps(content, indent=1, sort_keys=True).rstrip().removesuffix("}").rstrip()
    return f'{head},\n "methods": {{\n{lines}\n }}\n}}\n'


if __name__ == "__main__":
    main(Path(sys.argv[1]))
