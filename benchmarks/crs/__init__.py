"""``crs:PATH``: requests of the OWASP Core Rule Set's regression tests (in the format of go-ftw)."""

from collections.abc import Iterator

from harness import register_benchmark, sources

from .document import load, stages
from .fields import Unusable
from .labels import label, one_label_per_payload
from .requests import payload

_MAX_FILE_BYTES = 8 * 2**20  # bytes of a file


@register_benchmark(
    "crs", summary="requests of the Core Rule Set's regression tests, by rule family, and benign ones", argument="PATH"
)
class CoreRuleSet(sources.SourceBenchmark):
    """A row for each request that a rule must match, or must not match: the latter are benign for that rule."""

    version = 3
    columns = ("sample", "payload", "label", "source", "group.rule")

    def read(self, tree: sources.Tree, tally: sources.SourceTally) -> Iterator[sources.Row]:
        """See `SourceBenchmark.read`."""
        return one_label_per_payload(_rows(tree, tally), tally)


def _rows(tree: sources.Tree, tally: sources.SourceTally) -> Iterator[tuple[sources.Row, str]]:
    """Yields the row of each request with its place."""
    seen: set[str] = set()
    for file in tree.files((".yaml", ".yml"), _MAX_FILE_BYTES, tally):
        try:
            found = list(stages(load(file.data), file.path, tally.skip))
        except (Unusable, ValueError) as error:
            tally.skip(f"file: {error}", file.path)
            continue
        except (LookupError, AttributeError):  # what PyYAML raises for values such as `!!int ""`
            tally.skip("file: not readable as YAML", file.path)
            continue
        for stage in found:
            where = f"{file.path}, test {stage.sample}"
            try:
                if stage.sample in seen:
                    raise Unusable("a test of another file has the same number")
                seen.add(stage.sample)
                row = {
                    "sample": stage.sample,
                    "label": label(stage.output, stage.rule),
                    "payload": payload(stage.request),
                    "source": stage.source,
                    "group.rule": stage.rule,
                }
            except Unusable as error:
                tally.skip(f"request: {error}", where)
            else:
                yield row, where
