"""``nuclei:PATH``: HTTP requests of nuclei-templates, from a checkout or an archive."""

from collections.abc import Iterator

from harness import register_benchmark, sources


@register_benchmark("nuclei", summary="requests of nuclei-templates: a checkout or an archive of them", argument="PATH")
class Nuclei(sources.SourceBenchmark):
    """A row for each request that attacks; ``source`` is the template's first author."""

    version = 4
    columns = (
        "sample",
        "payload",
        "label",
        "cve",
        "cwe",
        "description",
        "date",
        "vendor",
        "product",
        "source",
        "severity",
        "added",
        "group.cve",
        "group.template",
    )

    def read(self, tree: sources.Tree, tally: sources.SourceTally) -> Iterator[sources.Row]:
        """See `SourceBenchmark.read`."""
        from .rows import rows  # compiles expressions that only a corpus that is not cached needs

        return rows(tree, self.root, tally)
