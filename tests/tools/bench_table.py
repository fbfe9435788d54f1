"""The table that ``make bench`` prints: times, growth exponents, ratios to the last saved state and to peers.

``python -m tests.tools.bench_table [--storage FOLDER] [--output FILE]`` reads the newest state that pytest-benchmark
saved and the one before it.
"""

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.conftest import ROOT

HEADER = ("measurement", "size", "median", "growth", "to last state", "to ours")
SECONDS = ((1.0, 1, "s"), (1e-3, 1e3, "ms"), (0.0, 1e6, "µs"))


@dataclass(frozen=True)
class Measured:
    """One measurement at one size.

    Attributes:
        group: heading of the table that it belongs to.
        name: of the measurement, the same for its two sizes.
        size: number of units; 0 if the time does not grow with anything.
        unit: what the size counts.
        seconds: median processor time of a part: of an epoch, where the time is that of a whole training.
        peer_of: name of the measurement of ours that this alternative is compared with; empty if it is ours.
    """

    group: str
    name: str
    size: int
    unit: str
    seconds: float
    peer_of: str


@dataclass(frozen=True)
class State:
    """What one run saved.

    Attributes:
        when, commit, processor: of the run.
        measured: in the order of the run.
    """

    when: str
    commit: str
    processor: str
    measured: tuple[Measured, ...]

    def find(self, name: str, size: int) -> Measured | None:
        """Returns the measurement of a name and a size."""
        return next((m for m in self.measured if (m.name, m.size) == (name, size)), None)


def read(file: Path) -> State:
    """Reads a file of pytest-benchmark."""
    saved = json.loads(file.read_text(encoding="utf-8"))
    return State(
        saved["datetime"],
        str(saved["commit_info"].get("id", ""))[:10],
        saved["machine_info"].get("processor_model", "unknown"),
        tuple(_measured(benchmark) for benchmark in saved["benchmarks"] if "measurement" in benchmark["extra_info"]),
    )


def _measured(benchmark: dict[str, Any]) -> Measured:
    about = benchmark["extra_info"]
    seconds = benchmark["stats"]["median"] / about.get("parts", 1)
    return Measured(
        benchmark["group"] or "", about["measurement"], about["size"], about["unit"], seconds, about["peer_of"]
    )


def growth_exponent(small: Measured, large: Measured) -> float:
    """Returns the exponent b with which time grows as size to the power of b."""
    return math.log(large.seconds / small.seconds) / math.log(large.size / small.size)


def ratio(now: Measured, before: Measured | None) -> float | None:
    """Returns a time divided by another one; None if there is no other one."""
    return None if before is None else now.seconds / before.seconds


def lines(state: State, last: State | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yields the group and the cells of each measurement, with both sizes; ratios are those of the larger one.

    Args:
        state: the measurements to show.
        last: an earlier state; ratios to it are left out if it is of another processor.
    """
    comparable = last is not None and last.processor == state.processor
    for name in dict.fromkeys(m.name for m in state.measured):
        sizes = sorted((m for m in state.measured if m.name == name), key=lambda m: m.size)
        small, large = sizes[0], sizes[-1]
        growth = f"{growth_exponent(small, large):.2f}" if 0 < small.size < large.size else ""
        before = ratio(large, last.find(name, large.size)) if last and comparable else None
        ours = ratio(large, state.find(large.peer_of, large.size)) if large.peer_of else None
        size = f"{' → '.join(f'{m.size:,}' for m in sizes)} {large.unit}" if large.size else ""
        median = " → ".join(_time(m.seconds) for m in sizes)
        yield large.group, (name, size, median, growth, _times(before), _times(ours))


def _time(seconds: float) -> str:
    factor, unit = next((factor, unit) for least, factor, unit in SECONDS if seconds >= least)
    return f"{seconds * factor:.3g} {unit}"


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}×"


def remark(state: State, last: State | None) -> str:
    """Returns a sentence on what the ratios refer to."""
    if last is None:
        return f"Measured on {state.processor}. There is no earlier state to compare with."
    earlier = f"the last state ({last.when[:16]}, commit {last.commit})"
    if last.processor != state.processor:
        return f"Measured on {state.processor}; {earlier} is of another processor ({last.processor}): no ratios to it."
    return f"Measured on {state.processor}; 1.10× to {earlier} is 10% slower than it."


def markdown(state: State, last: State | None) -> str:
    """Returns the tables of all groups as Markdown."""
    out = [remark(state, last)]
    for group, rows in _by_group(state, last).items():
        table = [HEADER, ("---",) * len(HEADER), *rows]
        out.append(f"**{group}**\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in table))
    return "\n\n".join(out) + "\n"


def _by_group(state: State, last: State | None) -> dict[str, list[tuple[str, ...]]]:
    out: dict[str, list[tuple[str, ...]]] = {}
    for group, row in lines(state, last):
        out.setdefault(group, []).append(row)
    return out


def show(state: State, last: State | None, console: Console) -> None:
    """Prints the tables of all groups."""
    for group, rows in _by_group(state, last).items():
        table = Table(*HEADER, title=group, title_justify="left")
        for column in table.columns[1:]:
            column.justify = "right"
        for row in rows:
            table.add_row(*row)
        console.print(table)
    console.print(remark(state, last))


def states(storage: Path) -> list[State]:
    """Returns the saved states, the newest last."""
    return sorted((read(file) for file in storage.glob("*/*.json")), key=lambda state: state.when)


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table of the newest state, or writes it as Markdown."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--storage", type=Path, default=ROOT / ".benchmarks", help="folder of the saved states")
    parser.add_argument("--output", type=Path, help="Markdown file to write beside what is printed")
    options = parser.parse_args(arguments)
    *earlier, state = states(options.storage) or parser.error(f"{options.storage} has no saved state; run make bench.")
    last = earlier[-1] if earlier else None
    show(state, last, Console())
    if options.output:
        options.output.write_text(markdown(state, last), encoding="utf-8")


if __name__ == "__main__":
    main()
