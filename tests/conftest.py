"""Fixtures: the command line as a real process, a private cache, a small corpus file."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import stand_ins

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"


@dataclass
class Shell:
    """Runs ``harness`` as a user would."""

    folder: Path
    cache: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "HARNESS_CACHE": str(self.cache), "COLUMNS": "200"}

    def __call__(self, *arguments: object, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=self.environment,
            timeout=timeout,
        )

    def start(self, *arguments: object) -> "subprocess.Popen[str]":
        # Ctrl-C reaches it even where the tests were started in the background of a script, which ignores it.
        return subprocess.Popen(
            self.command(*arguments),
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    @staticmethod
    def command(*arguments: object) -> list[str]:
        return [sys.executable, "-m", "harness", *map(str, arguments)]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of its own for the whole session, also for code called in this process."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("HARNESS_CACHE")
    os.environ["HARNESS_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["HARNESS_CACHE"]
    else:
        os.environ["HARNESS_CACHE"] = before


@pytest.fixture
def shell(tmp_path: Path, cache: Path) -> Shell:
    return Shell(tmp_path, cache)


@pytest.fixture(scope="session")
def requests_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """480 requests of four classes from the synthetic cards, as a user's JSONL."""
    from harness.benchmarks.synthetic import cards
    from harness.benchmarks.synthetic.corpus import render_sample, samples
    from harness.benchmarks.synthetic.rendering import CueValues

    path = tmp_path_factory.mktemp("corpus") / "requests.jsonl"
    by_cve = {card.cve: card for card in cards.load()}
    with path.open("w", encoding="utf-8") as stream:
        for name in ("sql-injection", "cross-site-scripting", "path-traversal", "open-redirect"):
            for sample, card, _ in samples(name)[:120]:
                row = {
                    "raw": render_sample(sample, CueValues()).payload.decode("latin-1"),
                    "class": name,
                    "cve": card.cve,
                    "product": card.product,
                    "published": card.date,
                    "text": by_cve[card.cve].description,
                }
                stream.write(json.dumps(row) + "\n")
    return path


@pytest.fixture(scope="session")
def mapped(requests_file: Path) -> tuple[str, ...]:
    """The arguments that name `requests_file` and its columns."""
    return ("--bench", f"files:{requests_file}", "--map", "payload=raw,label=class,group=cve,date=published")


def results_of(folder: Path) -> dict[str, dict[str, object]]:
    """Returns the reproducible part of every record, by file name."""
    out = {}
    for path in sorted(folder.glob("*/*/*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        out[path.name] = {name: record[name] for name in ("key", "status", "cell", "result")}
    return out


@pytest.fixture(scope="session", params=["real", "stand-in"])
def nuclei_dev(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Requests of CVE templates in one file: the real ones, which a bare clone lacks, and a stand-in for them."""
    if request.param == "stand-in":
        return stand_ins.nuclei_dev(tmp_path_factory.mktemp("stand-in") / "nuclei_dev.jsonl.gz")
    path = SHARED / "nuclei_dev.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    return path
