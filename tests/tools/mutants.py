"""Mutation tests with cosmic-ray: edits one operator or constant of a module at a time and lists what no test notices.

``python -m tests.tools.mutants`` takes hours; ``python -m tests.tools.mutants harness/statistics/curves.py`` takes some
minutes, and less with ``--tests FILE``, the only tests that then run. The modules are those whose figures are claims:
the protocol's constants, the statistics and the splits. A survivor is a test to write, or a mutant that changes
nothing, such as a wider bound that is never reached.

cosmic-ray edits files in place, whatever the layout of the packages, so it works on a copy of the checkout. mutmut, the
other maintained tool, was not chosen since it changes functions alone, and the protocol's module consists of constants.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = {  # by the modules' place: the fast tests that should notice a change
    "harness/protocol.py": "tests/harness/boards tests/harness/execution/test_budget.py",
    "harness/statistics": "tests/harness/statistics tests/harness/boards/test_build.py",
    "harness/scenarios/splits": "tests/harness/scenarios/test_splits.py",
}
SECONDS = 600.0  # per mutant; one that makes the tests slower counts as noticed
LEFT_OUT = (".git", ".venv", "build", "dist", "local", ".*_cache", ".hypothesis", "__pycache__", "*.egg-info")


def modules(places: list[str]) -> list[str]:
    """Returns the modules at or below the places, relative to the root; all that are tested here if there is none."""
    found = []
    for place in places or list(TESTS):
        path = ROOT / place
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        found += [file.relative_to(ROOT).as_posix() for file in files if file.name != "__init__.py"]
    for name in found:
        if not (ROOT / name).is_file() or not any(name.startswith(place) for place in TESTS):
            sys.exit(f"{name}: there is no such module, or none of {', '.join(TESTS)} holds it.")
    return found


def survivors(module: str, tests: str, checkout: Path, session: Path) -> tuple[int, int, str]:
    """Mutates one module of a copy of the checkout; returns the mutants, the survivors, and their differences."""
    tests = tests or next(tests for place, tests in TESTS.items() if module.startswith(place))
    command = f"{sys.executable} -m pytest -q -x -p no:cacheprovider -m 'not slow' {tests}"
    config = session.with_suffix(".toml")
    config.write_text(
        f"[cosmic-ray]\nmodule-path = {json.dumps(module)}\ntimeout = {SECONDS}\nexcluded-modules = []\n"
        f'test-command = {json.dumps(command)}\n[cosmic-ray.distributor]\nname = "local"\n',
        encoding="utf-8",
    )
    _cosmic_ray(checkout, "init", config, session)
    _cosmic_ray(checkout, "baseline", config)  # fails if the tests fail without a mutant
    _cosmic_ray(checkout, "exec", config, session)
    lines = [json.loads(line) for line in _cosmic_ray(checkout, "dump", session).splitlines()]
    results = [result for _, result in lines if result is not None]
    kept = [result["diff"] for result in results if result["test_outcome"] == "survived"]
    return len(results), len(kept), "\n".join(kept)


def _cosmic_ray(checkout: Path, *arguments: object) -> str:
    environment = {**os.environ, "PYTHONPATH": str(checkout), "PYTHONDONTWRITEBYTECODE": "1"}
    if inherited := os.environ.get("PYTHONPATH"):
        environment["PYTHONPATH"] += f"{os.pathsep}{inherited}"
    command = [sys.executable, "-c", "from cosmic_ray.cli import main; main()", *map(str, arguments)]
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"cosmic-ray {arguments[0]} failed:\n{(done.stdout + done.stderr)[-4000:]}")
    return done.stdout


def main() -> None:
    """Prints the survivors of each module as they are found, and a line of counts per module at the end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("places", nargs="*", help="modules or folders; by default all that are tested here")
    parser.add_argument("--tests", default="", help="tests to run in place of those of the module's place")
    options = parser.parse_args()
    counts = []
    with tempfile.TemporaryDirectory() as folder:
        checkout = Path(folder) / "checkout"
        shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(*LEFT_OUT))
        for number, module in enumerate(modules(options.places)):
            mutants, alive, text = survivors(module, options.tests, checkout, Path(folder) / f"{number}.sqlite")
            print(text, flush=True)
            counts.append(f"{module}: {alive} of {mutants} mutants survived")
    print("\n".join(counts))


if __name__ == "__main__":
    main()
