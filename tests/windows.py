"""The suite on Windows, by a Python that has the packages of requirements-dev.lock:

    python tests/windows.py [pytest arguments]

Everything but the browser tests runs; what Windows lacks skips by itself and the summary says why.
Standard library only. `python run.py test -m "not browser"` does the same, and makes the environment.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
# -rsfE: reasons of what was skipped, failed or broke. No cache: nothing is left in the checkout.
WORDS = ["-m", "pytest", "-m", "not browser", "-rsfE", "-p", "no:cacheprovider"]


def main(arguments: list[str]) -> int:
    """Run pytest in the checkout; its exit code."""
    if sys.platform != "win32":
        sys.exit(f"tests/windows.py: this is {sys.platform}. There, type: python run.py test")
    print(f"{platform.python_implementation()} {sys.version}", flush=True)  # noqa: T201
    environ = {**os.environ, "PYTHONUTF8": "0"}  # as most have it: files open in an old code page
    return subprocess.call([sys.executable, *WORDS, *arguments], cwd=CHECKOUT, env=environ)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
