"""``python -m harness``.

Python puts the current folder first on the import path of ``python -m``, unless it has the option ``-P``. It is removed
here, so that a folder with data of others cannot bring modules, such as a ``torch.py``, or entry points. Modules that
Python imports before this one are out of reach: in such a folder use ``harness`` or ``python -P -m harness``.
"""

import os
import sys


def _main() -> None:
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # a checkout that is not installed
    if not sys.flags.safe_path and sys.path[0] == os.getcwd() != home:
        del sys.path[0]
    from harness.cli import main

    main()


if __name__ == "__main__":
    _main()
