"""Start Roundtrip with nothing but Python: make `.venv`, install what is locked, run `flask`.

`.venv/installed.txt` says for which Python and from which lock files the environment was filled.
While it agrees with the checkout, a start reads two small files and becomes the environment's own
Python: no pip, no second process.

Standard library only. A Python too old for Roundtrip must still be able to read this file and say
so, hence the annotations in quotes.
"""

import os
import sys
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

NEEDED = (3, 11)
VERSION = "{}.{}".format(*sys.version_info)
WINDOWS = os.name == "nt"

ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, *(["Scripts", "python.exe"] if WINDOWS else ["bin", "python"]))
STAMP = os.path.join(VENV, "installed.txt")
LOG = os.path.join(VENV, "install.log")
GUARD = os.path.join(ROOT, ".venv.lock")

SERVE, TEST = "requirements.lock", "requirements-dev.lock"
# The test requirements hold all others at the same versions: after them nothing is missing.
COVERS = {SERVE: [SERVE], TEST: [SERVE, TEST]}

USAGE = """python run.py [--host HOST] [--port PORT] [--threads N] [--instance DIR]
       python run.py test [pytest arguments]
       python run.py <flask command> [arguments]"""


def main(arguments: "list[str]") -> int:
    """Prepare the environment where needed, then become the asked command inside it."""
    if sys.version_info < NEEDED:
        this = f"this is {VERSION} ({sys.executable})"
        sys.exit("run.py: Roundtrip needs Python {}.{} or newer; {}.".format(*NEEDED, this))
    words = read(arguments)
    try:
        prepare(TEST if words[0] == "test" else SERVE)
    except OSError as error:
        sys.exit(f"run.py: {error.strerror or error}: {error.filename or VENV}")
    except KeyboardInterrupt:
        sys.exit("run.py: stopped. The next start does the rest.")
    return become(inside(words))


# --- what was asked ---------------------------------------------------------------------------


def read(arguments: "list[str]") -> "list[str]":
    """The command with its arguments: `serve` with its options where none is named."""
    import argparse

    parser = argparse.ArgumentParser(usage=USAGE, allow_abbrev=False)
    parser.add_argument("--host", help="address to serve on")
    parser.add_argument("--port", help="port to serve on")
    parser.add_argument("--threads", metavar="N", help="requests served at the same time")
    parser.add_argument("--instance", metavar="DIR", help="folder of the database and the settings")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="without one: serve")
    asked = vars(parser.parse_args(arguments))
    command, instance = asked.pop("command"), asked.pop("instance")
    if instance:
        os.environ["ROUNDTRIP_INSTANCE"] = os.path.abspath(instance)
    options = [f"--{name}={value}" for name, value in asked.items() if value is not None]
    if command and options:
        parser.error(f"{options[0]} is for serving: leave it out or write it after the command")
    return command or ["serve", *options]


def inside(words: "list[str]") -> "list[str]":
    """The same as arguments of the environment's Python."""
    if words[0] == "test":
        os.chdir(ROOT)  # where pytest finds its settings, and what paths of tests begin at
        return ["-m", "pytest", *in_parallel(words[1:])]
    # -P: a current folder that holds an `app` or a `flask.py` must not come first.
    return ["-P", "-m", "flask", "--app", os.path.join(ROOT, "wsgi.py"), *words]


def in_parallel(arguments: "list[str]") -> "list[str]":
    """One test process for each CPU, unless the caller decides."""
    decided = any(word.startswith(("-n", "--numprocesses")) for word in arguments)
    return arguments if decided or os.cpu_count() == 1 else ["-n", "auto", *arguments]


def become(arguments: "list[str]") -> int:
    """Turn into the environment's Python; on Windows, which cannot, wait for it."""
    if not WINDOWS:
        os.execv(PYTHON, [PYTHON, *arguments])
    import signal
    import subprocess

    # Ctrl-C reaches both. The server ends in its own time, and its exit code is the answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return subprocess.call([PYTHON, *arguments])


# --- the environment --------------------------------------------------------------------------


def prepare(lock: str) -> None:
    """Return with an environment that holds everything `lock` names."""
    if not ready(lock):
        with alone() as guard:
            if not ready(lock):  # another start may have done it meanwhile
                install(lock, guard)


def ready(lock: str) -> bool:
    """Whether the environment was filled from this very lock file, for this Python."""
    stamp = read_stamp()
    same_python = stamp.get("python") == VERSION and os.path.exists(PYTHON)
    return same_python and stamp.get(lock) == digest(lock)


def install(lock: str, guard: "IO[str]") -> None:
    """Fill the environment, a new one where there is none to keep, or exit with the cure."""
    import time

    began = time.monotonic()
    keep = worth_keeping()
    say(f"{'Updating' if keep else 'Making'} .venv from {lock}. This can take a minute.")
    if not keep:
        move_away()
        os.mkdir(VENV)
    if read_stamp() or not keep:
        write_stamp([])  # killed from here on, it is known to be half-made
    if not (by_uv(lock, keep, guard) or by_pip(lock, keep, guard)):
        sys.exit(f"run.py: {lock} could not be installed. Is there a network? Details: {LOG}")
    write_stamp(COVERS[lock])
    say(f"Ready after {time.monotonic() - began:.0f} s.")


def worth_keeping() -> bool:
    """Whether packages may go into what is there: a whole one of ours, or one made by hand."""
    stamp = read_stamp()
    if not os.path.exists(PYTHON):
        return False
    if stamp:
        return len(stamp) > 1 and stamp.get("python") == VERSION
    return f"= {VERSION}." in read_text(os.path.join(VENV, "pyvenv.cfg"))


def move_away() -> None:
    """Remove the environment; by renaming first, so that no half of it is ever taken for one."""
    import shutil

    old = VENV + ".old"
    shutil.rmtree(old, ignore_errors=True)
    if os.path.lexists(VENV):
        os.rename(VENV, old)
        shutil.rmtree(old, ignore_errors=True)


def by_uv(lock: str, keep: bool, guard: "IO[str]") -> bool:
    """Install with uv, several times quicker, where it is found and works."""
    import shutil

    uv = shutil.which("uv")
    if uv is None:
        return False
    if not keep and not run([uv, "venv", "--allow-existing", "--python", base(), VENV], guard):
        return False
    # Without --compile-bytecode the first start would compile everything, for about ten seconds.
    add = [uv, "pip", "install", "--python", PYTHON, "--compile-bytecode", "--require-hashes"]
    return run([*add, "-r", os.path.join(ROOT, lock)], guard)


def by_pip(lock: str, keep: bool, guard: "IO[str]") -> bool:
    """Install with the pip that comes with Python, added first to an environment without one."""
    import importlib.util

    pip = [PYTHON, "-m", "pip"]
    if not (keep and run([*pip, "--version"], guard)):
        if importlib.util.find_spec("ensurepip") is None:
            cure = f"sudo apt install python{VERSION}-venv"
            sys.exit(f"run.py: this Python cannot make environments. On Debian, type: {cure}")
        if not run([base(), "-m", "venv", VENV], guard):
            return False
    add = [*pip, "install", "--disable-pip-version-check", "--progress-bar=off"]
    return run([*add, "--require-hashes", "-r", os.path.join(ROOT, lock)], guard)


def base() -> str:
    """The Python below any environment: the one that runs this may just have been moved away."""
    return getattr(sys, "_base_executable", None) or sys.executable


def run(command: "list[str]", guard: "IO[str]") -> bool:
    """Run to the end, with what it says in the log; whether it succeeded."""
    import subprocess

    # The child shares the lock: should this process be killed, it is held until the child ends.
    shared = () if WINDOWS else (guard.fileno(),)
    with open(LOG, "ab") as log:
        log.write(f"$ {' '.join(command)}\n".encode(errors="replace"))
        log.flush()
        try:
            return 0 == subprocess.call(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=shared
            )
        except OSError as error:  # a uv that is not for this machine, say
            log.write(f"{error}\n".encode(errors="replace"))
            return False


@contextmanager
def alone() -> "Iterator[IO[str]]":
    """One start at a time. The system drops the lock with its last holder: it cannot go stale."""
    import time

    with open(GUARD, "a") as guard:
        if not take(guard):
            say("Another start is working on .venv. Waiting for it.")
            while not take(guard):
                time.sleep(0.2)
        yield guard


def take(guard: "IO[str]") -> bool:
    """Lock the file if nobody holds it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(guard.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if sys.platform != "win32" and not isinstance(error, BlockingIOError):
            raise  # a file system without locks
        return False
    return True


# --- what was installed -----------------------------------------------------------------------


def read_stamp() -> "dict[str, str]":
    """`python` and each installed lock file with its digest; empty where nothing was written."""
    lines = [line.split() for line in read_text(STAMP).splitlines()]
    return {words[0]: words[1] for words in lines if len(words) == 2}


def write_stamp(locks: "list[str]") -> None:
    """Say that the environment holds these lock files; none of them: that it is half-made."""
    lines = [f"python {VERSION}", *(f"{lock} {digest(lock)}" for lock in locks)]
    with open(STAMP + ".new", "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    os.replace(STAMP + ".new", STAMP)


def digest(lock: str) -> str:
    """SHA-256 of a lock file."""
    import hashlib

    with open(os.path.join(ROOT, lock), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def read_text(path: str) -> str:
    """The text of a file, empty where there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def say(sentence: str) -> None:
    """Tell on standard error: standard output belongs to the command."""
    print(f"run.py: {sentence}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
