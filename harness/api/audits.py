"""The audit of a dataset, as an object that prints itself, exports, and compares figures with limits in a pipeline."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import registry
from harness.api.benchmarks import BenchmarkLike, DataOptions, open_benchmark
from harness.auditing import report, verdicts
from harness.auditing.examine import Audit
from harness.auditing.examine import audit as examine
from harness.errors import UserError
from harness.execution.plan import choose_scenarios
from harness.storage.atomic_write import atomic_write

SEEDS = 3  # default number of seeds of each scenario


@dataclass(frozen=True)
class AuditResult:
    """The result of an audit.

    Attributes:
        audit: all figures of the audit.

    Example:
        >>> result = harness.audit("requests.parquet", mapping={"payload": "raw", "label": "attack"})
        >>> result.findings
        >>> assert not result.above("leaks=0,cue=0.5")
    """

    audit: Audit

    @property
    def findings(self) -> list[str]:
        """The findings, one sentence each."""
        return list(report.findings(self.audit))

    @property
    def figures(self) -> dict[str, float | None]:
        """The figures that can have limits, by name; None for one that was not measured."""
        return {name: figure.value for name, figure in verdicts.audit_figures(self.audit).items()}

    def above(self, limits: str) -> list[str]:
        """Returns a sentence for each figure above its limit; used by ``--fail-on`` of the command line.

        Args:
            limits: figures and limits, for example ``leaks=0,cue=0.5``.

        Raises:
            UserError: a figure is unknown or a limit is malformed.
        """
        return list(verdicts.violations(verdicts.audit_figures(self.audit), verdicts.thresholds(limits)))

    def to_json(self) -> str:
        """Returns the audit as JSON; docs/audit.md describes its fields."""
        return report.to_json(self.audit)

    def to_markdown(self) -> str:
        """Returns the dataset card in Markdown."""
        return report.card(self.audit)

    def save(self, folder: str | Path) -> None:
        """Writes audit.json and audit.md to a folder; each file is replaced atomically.

        Raises:
            UserError: the folder cannot be written to.
        """
        _write(Path(folder), {"audit.json": self.to_json(), "audit.md": self.to_markdown()})

    def _repr_markdown_(self) -> str:
        return self.to_markdown()

    def __repr__(self) -> str:
        return "\n".join((report.title(self.audit), *(f"- {line}" for line in self.findings)))


def audit(
    benchmark: BenchmarkLike,
    *,
    mapping: Mapping[str, str] | None = None,
    where: Mapping[str, Sequence[str]] | None = None,
    strict: bool = False,
    scenarios: str | Sequence[str] = (),
    seeds: int | Sequence[int] = SEEDS,
    learner: str = "tfidf-logreg",
    top: int = 8,
    plugins: Sequence[str | Path] = (),
    on_step: Callable[[str], None] = lambda step: None,
) -> AuditResult:
    """Finds the shortcuts of a dataset: leaks between splits, parts that predict the class without the attack, cues.

    Args:
        benchmark: a benchmark's name, ``files:PATH``, a data file's path, or payloads and labels in memory.
        mapping: field of the harness to column of the data, for example ``{"payload": "raw", "label": "attack"}``.
        where: column to allowed values; other rows are left out.
        strict: raise an error if rows cannot be used; by default they are left out.
        scenarios: names of scenarios; by default those of the preset ``quick``.
        seeds: number of seeds, or a list of seeds.
        learner: method that is trained on parts of the input.
        top: most cues to report per class.
        plugins: Python files that register benchmarks or the learner.
        on_step: called with a description of each step before it starts.

    Raises:
        UserError: an option is out of range, or the data cannot be used.
    """
    if not 0 < top <= 1000:
        raise UserError(f"--top {top}: the value must be from 1 to 1000.")
    registry.discover([str(path) for path in plugins])
    allowed = {column: tuple(values) for column, values in (where or {}).items()}
    opened = open_benchmark(benchmark, DataOptions(mapping or {}, allowed, strict))
    names = scenarios.split(",") if isinstance(scenarios, str) else list(scenarios)
    specs = choose_scenarios(opened, names, quick=True)
    for spec in specs:
        if spec.view:
            raise UserError(f"--scenario {spec.name}: an audit includes every view; name it without its view.")
    numbers = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    return AuditResult(examine(opened, specs, numbers, learner, top, on_step))


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    """Writes every file under a temporary name first, so that each is complete or as it was."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            with atomic_write(folder / name, sync=True) as file:
                file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"--out {folder}: the files cannot be written ({error.strerror}).") from error
