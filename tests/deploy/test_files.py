"""The files of deploy/: that the programs which read them accept them, as far as a test can go."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Error, Punctuation

from app.config import SETTINGS
from tests.serving import (
    CHECKOUT,
    free_port,
    make_certificate,
    nginx_program,
    rendered,
    write_config,
)

DEPLOY = CHECKOUT / "deploy"


def read(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


# nginx -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("https", [True, False], ids=["https", "http"])
def test_nginx_accepts_the_config_without_a_warning(tmp_path, https):
    nginx = nginx_program()
    make_certificate(tmp_path)
    text = rendered(tmp_path, free_port(), (free_port(), free_port()), https)
    words = [*nginx, "-t", "-c", str(write_config(tmp_path, text))]
    tried = subprocess.run(words, capture_output=True, text=True)
    assert tried.returncode == 0, tried.stderr
    assert "[warn]" not in tried.stderr


def test_the_limit_of_nginx_is_the_apps_default():
    default = next(setting.default for setting in SETTINGS if setting.name == "MAX_UPLOAD_MB")
    assert f"client_max_body_size {default * 1_000_000};" in read("nginx.conf")


@pytest.mark.parametrize(
    "line",
    [
        "proxy_set_header Host $host:$server_port;",
        "proxy_set_header X-Forwarded-For $remote_addr;",
        "proxy_set_header X-Forwarded-Proto $scheme;",
        "proxy_set_header X-Forwarded-Host $host:$server_port;",
        "client_header_timeout 10s;",
        "client_body_timeout 10s;",
        "proxy_request_buffering on;",
        "proxy_next_upstream error timeout;",
        "underscores_in_headers off;",
        "server_tokens off;",
        "gzip off;",
        "ssl_protocols TLSv1.2 TLSv1.3;",
    ],
)
def test_the_config_says(line):
    """What nginx.conf must say, the parts too that no test can see from outside."""
    without_comments = re.sub(r"#.*", "", read("nginx.conf"))
    assert line in without_comments


# systemd -----------------------------------------------------------------------------------------


class Unit(configparser.RawConfigParser):
    """A unit file. Names keep their case, and one that is there twice keeps all its values."""

    def __init__(self, text: str) -> None:
        super().__init__(strict=False, delimiters=("=",), comment_prefixes=("#", ";"))
        self.optionxform = str  # type: ignore[assignment,method-assign]
        self.all = re.findall(r"(?m)^(\w+)=(.*)$", text)
        self.read_string(text)

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.all if key == name]


@pytest.fixture
def unit() -> Unit:
    return Unit(read("roundtrip.service"))


def test_the_unit_has_its_parts(unit):
    assert unit.sections() == ["Unit", "Service", "Install"]
    service = unit["Service"]
    assert service["ExecStart"].endswith("/.venv/bin/python wsgi.py")
    assert service["User"] == "roundtrip"
    assert (service["KillSignal"], service["Restart"]) == ("SIGTERM", "on-failure")
    assert f"ROUNDTRIP_INSTANCE=/var/lib/{service['StateDirectory']}" in unit.values("Environment")
    assert unit["Install"]["WantedBy"] == "multi-user.target"


@pytest.mark.parametrize(
    "name, value", [("ProtectSystem", "strict"), ("NoNewPrivileges", "yes"), ("ProtectHome", "yes"),
                    ("PrivateTmp", "yes"), ("CapabilityBoundingSet", ""), ("UMask", "0077")],
)  # fmt: skip
def test_the_unit_keeps_the_app_in(unit, name, value):
    assert unit["Service"][name] == value


def test_the_unit_sets_only_settings_that_exist(unit):
    known = {f"ROUNDTRIP_{setting.name}" for setting in SETTINGS}
    names = {value.partition("=")[0] for value in unit.values("Environment")}
    assert {name for name in names if name.startswith("ROUNDTRIP_")} <= known


def test_systemd_accepts_the_unit(tmp_path):
    """With a program that is there in place of the Python in /opt: systemd looks whether it is."""
    program = shutil.which("systemd-analyze")
    if not program:
        pytest.skip("systemd-analyze is not installed; the tests above look at the parts")
    text = re.sub(
        r"/opt/roundtrip(/\.venv/bin/python)?",
        lambda m: "/bin/true" if m[1] else "/",
        read("roundtrip.service"),
    )
    file = tmp_path / "roundtrip.service"
    file.write_text(text, encoding="utf-8")
    tried = subprocess.run([program, "verify", str(file)], capture_output=True, text=True)
    about_it = [line for line in tried.stderr.splitlines() if "roundtrip.service" in line]
    assert about_it == []


# Windows -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tokens() -> list[tuple[object, str]]:
    """The PowerShell script as pygments takes it apart, without comments."""
    parts = get_lexer_by_name("powershell").get_tokens(read("roundtrip-windows.ps1"))
    return [(kind, text) for kind, text in parts if kind not in Comment]


def test_the_windows_script_has_the_structure_of_powershell(tokens):
    """That brackets outside of strings match, and that pygments knows every word.

    That is as far as a test can go: there is no PowerShell on the machines that run it. Whether
    Windows accepts the script and does what it says, only a try on Windows can tell.
    """
    pairs, open_ones = {")": "(", "]": "[", "}": "{"}, []
    for bracket in "".join(text for kind, text in tokens if kind in Punctuation):
        if bracket in pairs.values():
            open_ones.append(bracket)
        elif bracket in pairs:
            assert open_ones.pop() == pairs[bracket]
    assert open_ones == []
    assert [text for kind, text in tokens if kind in Error] == []


def test_the_windows_script_offers_each_action_it_names():
    text = read("roundtrip-windows.ps1")
    [words] = re.findall(r"\[ValidateSet\((.*?)\)\]", text)
    actions = re.findall(r"\w+", words)
    handled = dict(re.findall(r"(?m)^    '(\w+)' \{ ([\w-]+) \}$", text))
    assert list(handled) == actions
    assert set(handled.values()) <= set(re.findall(r"(?m)^function ([\w-]+) \{$", text))


def test_the_windows_script_has_no_function_that_nothing_calls(tokens):
    text = "".join(text for _, text in tokens)
    own = re.findall(r"(?m)^function ([\w-]+) \{$", text)
    assert {name for name in own if len(re.findall(rf"{name}\b", text)) == 1} == set()


def test_the_windows_script_can_be_read_by_the_powershell_of_windows():
    """PowerShell 5 takes a file without a byte order mark for the machine's own code page."""
    assert read("roundtrip-windows.ps1").isascii()
    assert r".venv\Scripts\python.exe" in read("roundtrip-windows.ps1")
    assert "wsgi.py" in read("roundtrip-windows.ps1")


def test_no_file_names_a_host_of_somebody():
    for file in Path(DEPLOY).iterdir():
        names = re.findall(
            r"[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|io|de)\b", file.read_text(encoding="utf-8")
        )
        assert set(names) <= {"example.com"}, file
