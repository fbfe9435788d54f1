"""The README's plug-in, as it stands there, ends on the board."""

import re

from tests.conftest import ROOT, Shell


def test_the_plug_in_of_the_readme_stands_on_the_board(shell: Shell) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", readme, flags=re.S)
    assert len(code.strip().splitlines()) <= 30
    (shell.folder / "my_method.py").write_text(code, encoding="utf-8")
    checked = shell("check", "method", "byte-centroid", "--plugin", "my_method.py")
    assert checked.returncode == 0, checked.stdout
    arguments = "run --plugin my_method.py --method byte-centroid,majority --scenario iid"
    assert f"harness {arguments}\n" in readme
    done = shell(*arguments.split())
    assert done.returncode == 0, done.stdout + done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith(" –      byte-centroid"))
    assert "1 done" in line
