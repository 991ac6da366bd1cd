"""run.py, the launcher; nothing here needs a network."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

CHECKOUT = Path(__file__).parents[2]
LOCKS = ["requirements.lock", "requirements-dev.lock"]


class Became(Exception):
    """Raised in place of exec: its argument is the command that would have taken over."""


class Commands(list[list[str]]):
    """Stands in for `subprocess.call`: notes each command; one with the word `failing` fails."""

    failing = ""

    def __init__(self, run: ModuleType) -> None:
        self.run = run

    def __call__(self, command: list[str], **options: object) -> int:
        self.append(command)
        if "venv" in command:
            python = Path(self.run.PYTHON)
            python.parent.mkdir(parents=True, exist_ok=True)
            python.touch()
        return int(self.failing in command)

    def holding(self, *words: str) -> list[list[str]]:
        return [command for command in self if set(words) <= set(command)]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """run.py as it stands in a checkout of its own, in a folder whose name is hard on paths."""
    checkout = tmp_path / "a checkout für ops"
    checkout.mkdir()
    for name in ["run.py", *LOCKS]:
        shutil.copy(CHECKOUT / name, checkout)
    spec = importlib.util.spec_from_file_location("launcher", checkout / "run.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setenv("ROUNDTRIP_INSTANCE", "unchanged")
    monkeypatch.chdir(tmp_path)
    return module


@pytest.fixture
def commands(run: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """What run.py starts, noted instead; no uv is found."""
    noted = Commands(run)
    monkeypatch.setattr(run, "WINDOWS", False)
    monkeypatch.setattr(subprocess, "call", noted)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(os, "execv", took_over)
    return noted


def took_over(path: str, command: list[str]) -> None:
    assert path == command[0]
    raise Became(command)


def started(run: ModuleType, *arguments: str) -> list[str]:
    """The command that run.py becomes for these arguments, without its Python."""
    with pytest.raises(Became) as became:
        run.main(list(arguments))
    python, *rest = became.value.args[0]
    assert python == run.PYTHON
    return rest


def fill(run: ModuleType, *locks: str) -> Path:
    """An environment that run.py made for these lock files; for none of them, a half-made one."""
    commands = Commands(run)
    commands(["venv"])
    run.write_stamp(locks)
    return Path(run.VENV)


# --- which Python ---


def test_an_old_python_is_told_which_one_is_needed(
    run: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(SystemExit, match=r"Python 3\.11 or newer"):
        patch.setattr(sys, "version_info", (3, 10, 13, "final", 0))
        run.main(["--help"])


def test_an_old_python_can_read_the_file() -> None:
    tree = ast.parse((CHECKOUT / "run.py").read_text("utf-8"), feature_version=(3, 7))
    imports = [node.module for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert "__future__" not in imports, "3.6 stops at `annotations`, which it does not know"


def test_a_python_that_cannot_make_environments_is_told_what_to_type(
    run: ModuleType, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=f"sudo apt install python{run.VERSION}-venv$"):
        run.main([])


# --- whether to install ---


def test_a_fresh_checkout_gets_an_environment_with_hashed_requirements(
    run: ModuleType, commands: Commands
) -> None:
    started(run)
    made, installed = commands
    assert made[1:] == ["-m", "venv", run.VENV]
    assert installed[0] == run.PYTHON and "--require-hashes" in installed
    assert installed[-1] == str(Path(run.ROOT, "requirements.lock"))
    assert run.ready("requirements.lock")


def test_a_ready_environment_starts_without_installing(
    run: ModuleType, commands: Commands, capfd: pytest.CaptureFixture[str]
) -> None:
    fill(run, "requirements.lock")
    started(run)
    assert commands == []
    assert capfd.readouterr() == ("", "")
    assert not Path(run.GUARD).exists()


def test_a_changed_lock_file_is_installed_into_the_environment(
    run: ModuleType, commands: Commands
) -> None:
    fill(run, "requirements.lock")
    with open(Path(run.ROOT, "requirements.lock"), "a", encoding="utf-8") as lock:
        lock.write("# renewed\n")
    started(run)
    assert commands.holding("install") and not commands.holding("venv")
    assert run.ready("requirements.lock")


def test_another_python_makes_the_environment_again(
    run: ModuleType, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    leftover = fill(run, "requirements.lock") / "leftover"
    leftover.touch()
    monkeypatch.setattr(run, "VERSION", "3.99")
    started(run)
    assert commands.holding("venv") and not leftover.exists()


def test_a_half_made_environment_is_made_again(run: ModuleType, commands: Commands) -> None:
    leftover = fill(run) / "leftover"
    leftover.touch()
    started(run)
    assert commands.holding("venv") and not leftover.exists()
    assert run.ready("requirements.lock")


def test_an_environment_whose_python_is_gone_is_made_again(
    run: ModuleType, commands: Commands
) -> None:
    fill(run, "requirements.lock")
    Path(run.PYTHON).unlink()
    started(run)
    assert commands.holding("venv")


def test_an_environment_made_by_hand_is_kept_and_completed(
    run: ModuleType, commands: Commands
) -> None:
    own = fill(run) / "own"
    own.touch()
    Path(run.STAMP).unlink()
    Path(run.VENV, "pyvenv.cfg").write_text(f"version = {run.VERSION}.7\n", "utf-8")
    started(run)
    assert commands.holding("install") and not commands.holding("venv") and own.exists()


def test_what_was_killed_while_installing_counts_as_half_made(
    run: ModuleType, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(lock: str, keep: bool, guard: object) -> bool:
        raise KeyboardInterrupt

    fill(run, "requirements.lock")
    monkeypatch.setattr(run, "by_pip", killed)
    with pytest.raises(SystemExit):
        run.main(["test"])
    assert not run.ready("requirements.lock") and not run.worth_keeping()


def test_a_failed_installation_names_the_log_and_starts_nothing(
    run: ModuleType, commands: Commands
) -> None:
    commands.failing = "install"
    with pytest.raises(SystemExit, match=re.escape(run.LOG)):
        run.main([])
    assert "requirements.lock" in Path(run.LOG).read_text("utf-8")
    assert not run.ready("requirements.lock")


def test_a_folder_that_cannot_be_written_is_named(
    run: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "GUARD", str(Path(run.ROOT, "missing", "guard")))
    with pytest.raises(SystemExit, match="guard$"):
        run.main([])


# --- which requirements, by which installer ---


def test_tests_get_the_test_requirements_which_serve_as_well(
    run: ModuleType, commands: Commands
) -> None:
    started(run, "test")
    assert commands[-1][-1].endswith("requirements-dev.lock")
    commands.clear()
    started(run)
    assert commands == []


def test_uv_is_used_where_it_is_found(
    run: ModuleType, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "/opt/uv")
    started(run)
    made, installed = commands
    assert made[:2] == ["/opt/uv", "venv"] and installed[:3] == ["/opt/uv", "pip", "install"]
    assert {"--require-hashes", "--compile-bytecode"} <= set(installed)


def test_pip_steps_in_where_uv_fails(
    run: ModuleType, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "/opt/uv")
    commands.failing = "/opt/uv"
    started(run)
    assert commands.holding(run.PYTHON, "pip", "install")


# --- two starts at once ---


def test_the_lock_has_one_holder(run: ModuleType) -> None:
    with open(run.GUARD, "a", encoding="utf-8") as other:
        with run.alone():
            assert not run.take(other)
        assert run.take(other)


def test_a_second_start_waits_and_finds_the_work_done(
    run: ModuleType, commands: Commands, capfd: pytest.CaptureFixture[str]
) -> None:
    second = threading.Thread(target=run.prepare, args=["requirements.lock"])
    with run.alone():
        second.start()
        wait_for(lambda: "Waiting" in capfd.readouterr().err)
        fill(run, "requirements.lock")
    second.join(10)
    assert not second.is_alive() and commands == []


def wait_for(happened: Callable[[], bool]) -> None:
    pause = threading.Event()
    assert any(happened() or pause.wait(0.01) for _ in range(1000)), "it did not happen in 10 s"


# --- what is passed on ---


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["serve"]),
        (["--host", "0.0.0.0", "--port=0", "--threads", "8"], None),
        (["--instance", "data", "user", "list"], ["user", "list"]),
        (["user", "add", "--admin", "a@b.example"], ["user", "add", "--admin", "a@b.example"]),
        (["serve", "--help"], ["serve", "--help"]),
    ],
)
def test_the_command_and_its_arguments_reach_flask(
    run: ModuleType, commands: Commands, arguments: list[str], words: list[str] | None
) -> None:
    fill(run, "requirements.lock")
    before = ["-P", "-m", "flask", "--app", str(Path(run.ROOT, "wsgi.py"))]
    serving = ["serve", "--host=0.0.0.0", "--port=0", "--threads=8"]
    assert started(run, *arguments) == before + (words or serving)


def test_the_instance_folder_is_that_of_the_callers_place(
    run: ModuleType, commands: Commands, tmp_path: Path
) -> None:
    fill(run, "requirements.lock")
    started(run)
    assert os.environ["ROUNDTRIP_INSTANCE"] == "unchanged"
    started(run, "--instance", "my data")
    assert os.environ["ROUNDTRIP_INSTANCE"] == str(tmp_path / "my data")


@pytest.mark.parametrize(
    ("cpus", "arguments", "passed"),
    [
        (2, [], ["-n", "auto"]),
        (2, ["-k", "doors", "tests/core"], ["-n", "auto", "-k", "doors", "tests/core"]),
        (2, ["-n0", "-x"], ["-n0", "-x"]),
        (2, ["--numprocesses=3"], ["--numprocesses=3"]),
        (1, ["-x"], ["-x"]),
    ],
)
def test_tests_run_in_parallel_unless_the_caller_decides(
    run: ModuleType,
    commands: Commands,
    monkeypatch: pytest.MonkeyPatch,
    cpus: int,
    arguments: list[str],
    passed: list[str],
) -> None:
    fill(run, *LOCKS)
    monkeypatch.setattr(os, "cpu_count", lambda: cpus)
    assert started(run, "test", *arguments) == ["-m", "pytest", *passed]
    assert Path.cwd() == Path(run.ROOT)


def test_an_option_of_serving_before_another_command_is_refused(
    run: ModuleType, commands: Commands, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run.main(["--port", "80", "user", "list"])
    assert "--port=80 is for serving" in capfd.readouterr().err
    assert commands == []


def test_windows_waits_for_the_command_and_leaves_ctrl_c_to_it(
    run: ModuleType, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    handled: list[tuple[int, object]] = []
    monkeypatch.setattr(run, "WINDOWS", True)
    monkeypatch.setattr(signal, "signal", lambda *pair: handled.append(pair))
    commands.failing = "check"
    fill(run, "requirements.lock")
    assert run.main(["check"]) == 1
    assert handled == [(signal.SIGINT, signal.SIG_IGN)]


def test_help_says_the_three_forms_and_installs_nothing(
    run: ModuleType, commands: Commands, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        run.main(["--help"])
    shown = capfd.readouterr().out
    assert all(
        form in shown for form in ["run.py [--host", "run.py test", "run.py <flask command>"]
    )
    assert commands == []
