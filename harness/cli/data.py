"""``harness data``: builds a corpus from a public source, and describes a corpus."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli import options, printing
from harness.cli.verbs import Verb, VerbGroup
from harness.errors import UserError

if TYPE_CHECKING:
    from harness.data.corpus import Corpus

data_app = typer.Typer(cls=VerbGroup, no_args_is_help=True)
_FACTS = {"label": "class", "cwe": "cwe", "vendor": "vendor", "product": "product"}
_COUNTED_COLUMNS = ("cve", "technique", "vendor", "product", "source")


@data_app.callback()
def data_group() -> None:
    """Build a corpus, or describe one."""


@data_app.command(cls=Verb)
def build(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Benchmark that reads files, as nuclei.")],
    place: Annotated[str, typer.Option("--from", metavar="PATH|URL", help="File, folder or archive to read.")],
    sha256: Annotated[str, typer.Option(metavar="HEX", help="Checksum; required for a URL.")] = "",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write a file for files:FILE.")] = None,
    mapping: options.Map = None,
    where: options.Where = None,
    strict: options.Strict = False,
    plugin: options.Plugin = None,
) -> None:
    """Build a corpus from a folder or an archive.

    Prints what the corpus holds, and what was skipped and why. The corpus is stored in the cache. Every other verb
    accepts it as SOURCE:PATH, and builds it if the cache does not have it.
    """
    from harness import registry
    from harness.api.benchmarks import open_benchmark
    from harness.sources import export

    if out is not None and out.suffix != ".parquet":
        raise UserError(f"--out {out}: the file name must end in .parquet.")
    registry.discover(plugin or [])
    benchmark = open_benchmark(f"{source}:{_local(place, sha256)}", options.data_options(mapping, where, strict))
    corpus = benchmark.corpus()
    _print_corpus(corpus)
    if corpus.meta.left_out:
        lines = [[reason, str(count), first] for reason, count, first in corpus.meta.left_out]
        printing.print_table(["skipped", "count", "first one"], lines)
    names = [str(benchmark.ref)]
    if out is not None:
        export(corpus, out)
        names.append(f"files:{out}")
    printing.say(f"use it as {' or '.join(names)}")


def _local(place: str, sha256: str) -> str:
    """Returns the local path of ``--from``: downloads a URL, and checks the checksum if there is one."""
    from harness import hashing
    from harness.sources.download import download, is_url

    if is_url(place):
        return str(download(place, sha256))
    if sha256 and Path(place).is_file() and (actual := hashing.of_file(Path(place))) != sha256.lower():
        raise UserError(f"--from {place} has the checksum {actual}, not {sha256.lower()}.")
    return place


@data_app.command(cls=Verb)
def info(
    corpus: Annotated[str, typer.Argument(metavar="CORPUS", help="Benchmark, or files:PATH.")],
    facts: Annotated[Path | None, typer.Option(metavar="FILE", help="JSONL of CVE facts to compare with.")] = None,
    mapping: options.Map = None,
    where: options.Where = None,
    strict: options.Strict = False,
    plugin: options.Plugin = None,
) -> None:
    """Print the counts, content hash and licence of a corpus.

    Counts payloads per class, CVE, technique, year and vendor. --facts names a file whose lines have the keys cve,
    class, cwe, vendor and product; exit code 1 if a row of the corpus disagrees with it.
    """
    from harness import registry
    from harness.api.benchmarks import open_benchmark

    registry.discover(plugin or [])
    benchmark = open_benchmark(corpus, options.data_options(mapping, where, strict))
    data = benchmark.corpus()
    _print_corpus(data, benchmark.licence)
    if facts is not None:
        disagreements = _disagreements(data, facts)
        for line in disagreements[:20]:
            printing.say(line)
        printing.say(f"facts: {len(disagreements)} CVEs disagree with {facts}")
        raise typer.Exit(1 if disagreements else 0)


def _print_corpus(corpus: "Corpus", licence: str = "unknown") -> None:
    origin = {"licence": licence, **corpus.meta.origin}
    for line in (*_lines(corpus), *(f"{name}: {value}" for name, value in origin.items())):
        printing.say(line)
    printing.print_table(["class", "payloads", "descriptions", *_present(corpus), "years"], _by_class(corpus))


def _lines(corpus: "Corpus") -> list[str]:
    import numpy as np

    lengths = corpus.payloads(np.arange(len(corpus))).lengths
    quantiles = np.percentile(lengths, (50, 99, 100)).astype(int) if len(lengths) else (0, 0, 0)
    return [
        f"{corpus.meta.name}: {len(corpus)} payloads, {len(corpus.classes)} classes, "
        f"{corpus.meta.descriptions} descriptions",
        "payload bytes: median {}, 99th percentile {}, longest {}".format(*quantiles),
        f"content hash: {corpus.meta.hash}",
        *(f"note: {note}" for note in corpus.meta.notes),
    ]


def _present(corpus: "Corpus") -> list[str]:
    return [f"{name}s" for name in _COUNTED_COLUMNS if corpus.has(name)]


def _by_class(corpus: "Corpus") -> list[list[str]]:
    labels = corpus.table.column("label").to_pylist()
    present = [name for name in _COUNTED_COLUMNS if corpus.has(name)]
    columns: list[list[Any]] = [corpus.table.column(name).to_pylist() for name in present]
    dates: list[Any] = corpus.table.column("date").to_pylist() if corpus.has("date") else [None] * len(corpus)
    text_labels = corpus.descriptions.column("label").to_pylist() if "label" in corpus.descriptions.column_names else []
    text_of_row = corpus.text_of_row.tolist()
    lines = []
    for name in corpus.classes:
        rows = [index for index, label in enumerate(labels) if label == name]
        distinct = [str(len({column[i] for i in rows} - {None})) for column in columns]
        years = sorted({dates[i].year for i in rows if dates[i] is not None})
        span = f"{years[0]}-{years[-1]}" if years else "–"
        texts = {text_of_row[i] for i in rows} - {-1} | {at for at, label in enumerate(text_labels) if label == name}
        lines.append([name, str(len(rows)), str(len(texts)) if corpus.meta.descriptions else "–", *distinct, span])
    return lines


def _disagreements(corpus: "Corpus", facts: Path) -> list[str]:
    """Returns a sentence for each CVE of the corpus that is not in the table or differs from it."""
    import json
    import zlib

    from harness.data import values
    from harness.storage import safe_json
    from harness.storage.bounded import open_unpacked

    try:
        with open_unpacked(facts) as stream:
            table: dict[tuple[str, str], dict[str, Any]] = {
                (values.cve(row["cve"]) or "", row["class"]): {name: row[name] for name in _FACTS.values()}
                for row in map(safe_json.loads, stream)
            }
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"--facts {facts}: the file is not a readable JSONL of facts ({error}).") from error
    if not corpus.has("cve"):
        raise UserError(f"--facts {facts}: the corpus {corpus.meta.name} has no CVE column.")
    columns = {own: theirs for own, theirs in _FACTS.items() if corpus.has(own)}
    rows = corpus.table.select(["cve", *columns]).to_pylist()
    out = []
    for row in {json.dumps(row, sort_keys=True): row for row in rows}.values():
        fact = table.get((row["cve"], row["label"]))
        if fact is None:
            out.append(f"{row['cve']} ({row['label']}) is not in the table")
            continue
        for own, theirs in columns.items():
            expected = " ".join(fact[theirs]) if isinstance(fact[theirs], list) else fact[theirs]
            if row[own] != expected:
                out.append(f"{row['cve']}: {own} is {row[own]!r} here and {expected!r} in the table")
    return out
