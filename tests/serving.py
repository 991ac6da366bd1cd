"""Real servers for tests: `python wsgi.py` in a process of its own, nginx in front, a browser.

    with serving(instance) as server, nginx_in_front(server, tmp_path, https=True) as front:
        alice = sign_in(server, front.url, certificate=front.certificate)
        assert alice.get("/").status == 200

Standard library only, and nothing that Windows lacks. What was started is stopped at the end of the
`with` block, also when the test fails.
"""

from __future__ import annotations

import http.cookiejar
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from typing import Any, NamedTuple

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
WSGI = [sys.executable, "wsgi.py"]
START_SECONDS = 30
STOP_SECONDS = 10


def skip_unless(found: object, reason: str) -> None:
    """Skip a test that lacks a program or package; in CI on Linux, where all is there, fail it."""
    if not found:
        give_up = os.environ.get("CI") == "true" and sys.platform == "linux"
        (pytest.fail if give_up else pytest.skip)(reason)


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(instance: Path, env: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a child process sees: the settings given here and none from outside."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ROUNDTRIP_")}
    own = {"ROUNDTRIP_INSTANCE": str(instance), "ROUNDTRIP_PORT": "0", "PYTHONUNBUFFERED": "1"}
    return {**clean, **own, **(env or {})}


def run(
    instance: Path, words: Sequence[str], env: Mapping[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a Python command of the checkout (`["wsgi.py"]`, `["-m", "flask", …]`) to its end."""
    return subprocess.run(
        [sys.executable, *words], cwd=CHECKOUT, env=environment(instance, env), input=stdin,
        capture_output=True, encoding="utf-8", timeout=START_SECONDS,
    )  # fmt: skip


# One Roundtrip -----------------------------------------------------------------------------------


class Server:
    """A running Roundtrip. `port` is 0 until it has said where it serves."""

    def __init__(
        self, process: subprocess.Popen[bytes], instance: Path, log: Path, port: int
    ) -> None:
        self.process, self.instance, self.log, self.port = process, instance, log, port

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def output(self) -> str:
        """All that it has printed so far, errors too."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def setup_link(self) -> str:
        """The one-use link by which the first administrator is made."""
        found = re.search(r"https?://\S+/auth/setup\?token=\S+", self.output())
        assert found, f"no set-up link was printed:\n{self.output()}"
        return found.group()

    def requests(self, path: str) -> list[dict[str, Any]]:
        """The log lines of a path; needs ROUNDTRIP_LOG_FORMAT=json. Waits for the first one."""
        deadline = time.monotonic() + 3
        while not (lines := self._lines(path)) and time.monotonic() < deadline:
            time.sleep(0.05)
        return lines

    def _lines(self, path: str) -> list[dict[str, Any]]:
        rows = [line for line in self.output().splitlines() if line.startswith('{"trip"')]
        return [row for row in map(json.loads, rows) if row["path"] == path]

    def wait(self) -> None:
        """Return when it answers; fail with its output when it ends before or takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while not (self._find_port() and answers(f"{self.url}/healthz")):
            assert self.process.poll() is None, f"the server ended:\n{self.output()}"
            assert time.monotonic() < deadline, f"the server does not answer:\n{self.output()}"
            time.sleep(0.05)

    def _find_port(self) -> bool:
        found = re.search(r"Roundtrip serves http://[^:\s]+:(\d+)", self.output())
        self.port = self.port or (int(found.group(1)) if found else 0)
        return self.port > 0

    def stop(self) -> int:
        """Ask it to end, insist after a while; the exit code."""
        return end(self.process)


@contextmanager
def serving(
    instance: Path, env: Mapping[str, str] | None = None, command: Sequence[str] | None = None
) -> Iterator[Server]:
    """A Roundtrip on this instance folder, ready to answer.

    `env` are settings by their full names. `command` is another way to start it, in which `{port}`
    stands for a free port; by default `python wsgi.py`, which takes a free one itself.
    """
    settings = environment(instance, env)
    port = int(settings["ROUNDTRIP_PORT"]) or (free_port() if command else 0)
    words = [word.replace("{port}", str(port)) for word in command or WSGI]
    log = instance.with_name(f"{instance.name}-{time.monotonic_ns()}.log")
    with open(log, "wb") as file:
        process = subprocess.Popen(
            words, cwd=CHECKOUT, env=settings, stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )
    server = Server(process, instance, log, port)
    try:
        server.wait()
        yield server
    finally:
        server.stop()


def end(process: subprocess.Popen[bytes]) -> int:
    """Terminate a process that is still there, kill it after ten seconds; its exit code."""
    if process.poll() is None:
        process.terminate()
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def answers(url: str) -> bool:
    """Whether something answers 200 there within a second."""
    try:
        return Browser(url).get("", seconds=1).status == 200
    except OSError:
        return False


# A browser ---------------------------------------------------------------------------------------


class Answer(NamedTuple):
    """What came back. `url` is where it came from in the end, after redirects."""

    status: int
    headers: Message
    body: bytes
    url: str

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class _Stay(urllib.request.HTTPRedirectHandler):
    """Redirects are answers like any other."""

    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


class Browser:
    """Keeps cookies, follows redirects (unless told not to), sends forms with their token."""

    def __init__(self, url: str, certificate: Path | None = None, follow: bool = True) -> None:
        self.url = url.rstrip("/")
        self.cookies = http.cookiejar.CookieJar()
        handlers: list[Any] = [
            urllib.request.ProxyHandler({}),  # whatever proxy the machine has is not for here
            urllib.request.HTTPCookieProcessor(self.cookies),
        ]
        if certificate:
            context = ssl.create_default_context(cafile=certificate)
            handlers.append(urllib.request.HTTPSHandler(context=context))
        if not follow:
            handlers.append(_Stay())
        self.opener = urllib.request.build_opener(*handlers)

    def get(
        self, path: str, headers: Mapping[str, str] | None = None, seconds: float = 15
    ) -> Answer:
        """GET a path, or a whole address."""
        return self._send(
            urllib.request.Request(self._at(path), headers=dict(headers or {})), seconds
        )

    def post(self, path: str, fields: Mapping[str, str], form: str = "/auth/login") -> Answer:
        """Send a form as the page at `form` would: from that address, with its CSRF token.

        The page is fetched for it, unless the fields have a `csrf_token`.
        """
        token = fields.get("csrf_token") or csrf_token(self.get(form).text)
        body = urllib.parse.urlencode({**fields, "csrf_token": token}).encode()
        request = urllib.request.Request(self._at(path), body, {"Referer": self._at(form)})
        return self._send(request, 15)

    def _at(self, path: str) -> str:
        return path if path.startswith("http") else self.url + path

    def _send(self, request: urllib.request.Request, seconds: float) -> Answer:
        try:
            with self.opener.open(request, timeout=seconds) as found:
                return Answer(found.status, found.headers, found.read(), found.url)
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read(), error.url)


def csrf_token(page: str) -> str:
    """The token in a page's first form."""
    for tag in re.findall(r"<input[^>]*>", page):
        if 'name="csrf_token"' in tag:
            return re.search(r'value="([^"]+)"', tag).group(1)  # type: ignore[union-attr]
    raise AssertionError(f"no form with a token in:\n{page[:2000]}")


def sign_in(
    server: Server, url: str = "", email: str = "olga@example.com", *,
    password: str = "a long enough wörd", admin: bool = True, certificate: Path | None = None,
) -> Browser:  # fmt: skip
    """The browser of a new person who has signed in, directly or by the address in front."""
    words = [
        "-m",
        "flask",
        "user",
        "add",
        email,
        "--password-stdin",
        *(["--admin"] if admin else []),
    ]
    added = run(server.instance, words, stdin=password + "\n")
    assert added.returncode == 0, added.stderr
    browser = Browser(url or server.url, certificate)
    answer = browser.post("/auth/login", {"email": email, "password": password})
    assert answer.status == 200 and "/auth/login" not in answer.url, f"{answer.url}\n{answer.text}"
    return browser


# nginx in front ----------------------------------------------------------------------------------


class Front(NamedTuple):
    """A running nginx. `http_url` leads to `url` by a redirect; `port` is that of `url`."""

    url: str
    http_url: str
    port: int
    folder: Path
    certificate: Path | None
    process: subprocess.Popen[bytes]

    def log(self) -> str:
        """Its error log."""
        return (self.folder / "error.log").read_text(encoding="utf-8", errors="replace")


@contextmanager
def nginx_in_front(
    server: Server, folder: Path, https: bool = False, max_upload_mb: int = 100
) -> Iterator[Front]:
    """deploy/nginx.conf before a server, as https://localhost:… or http://…, all inside the folder.

    The app needs ROUNDTRIP_PROXIES=1. Skips where nginx or openssl is missing.
    """
    nginx = nginx_program()
    ports = free_port(), free_port()
    key = make_certificate(folder) if https else None
    text = rendered(folder, server.port, ports, https, max_upload_mb)
    config = write_config(folder, text)
    with open(folder / "error.log", "ab") as log:
        process = subprocess.Popen([*nginx, "-c", str(config)], stdout=log, stderr=log)
    scheme = "https" if https else "http"
    urls = f"{scheme}://localhost:{ports[1]}", f"http://localhost:{ports[0]}"
    front = Front(*urls, ports[1], folder, key, process)
    try:
        _wait_for_nginx(front)
        yield front
    finally:
        end(process)


def nginx_program() -> list[str]:
    """nginx, as one process in the foreground. Skips where there is none."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    skip_unless(found, "nginx is not installed")
    return [str(found), "-e", "stderr", "-g", "daemon off; master_process off;"]


def make_certificate(folder: Path) -> Path:
    """A certificate for `localhost` in folder/tls.crt, its key beside it. Skips without openssl."""
    openssl = shutil.which("openssl")
    skip_unless(openssl, "the openssl command is not installed")
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")]
    subprocess.run([str(openssl), *words.split(), *names, *files], check=True, capture_output=True)
    return folder / "tls.crt"


def rendered(
    folder: Path,
    app_port: int,
    ports: tuple[int, int],
    https: bool = True,
    max_upload_mb: int = 100,
) -> str:
    """deploy/nginx.conf with the addresses of a test; each exchange must find its text."""
    text = (CHECKOUT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    for old, new in (
        ("/etc/letsencrypt/live/example.com/fullchain.pem", f'"{folder / "tls.crt"}"'),
        ("/etc/letsencrypt/live/example.com/privkey.pem", f'"{folder / "tls.key"}"'),
        ("server_name example.com;", "server_name localhost;"),
        ("server 127.0.0.1:8000;", f"server 127.0.0.1:{app_port};"),
        ("listen 80", f"listen 127.0.0.1:{ports[0]}"),
        ("listen 443 ssl", f"listen 127.0.0.1:{ports[1]}" + (" ssl" if https else "")),
        ("client_max_body_size 100000000;", f"client_max_body_size {max_upload_mb}000000;"),
    ):
        assert old in text, f"deploy/nginx.conf no longer says {old!r}"
        text = text.replace(old, new)
    return text if https else re.sub(r"(?m)^ +ssl_.*\n", "", text)


def write_config(folder: Path, text: str) -> Path:
    """The frame round the server blocks: everything that nginx writes stays inside the folder."""
    (folder / "roundtrip.conf").write_text(text, encoding="utf-8")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "\n    ".join(f'{kind}_temp_path "{folder / kind}";' for kind in kinds)
    config = folder / "nginx.conf"
    config.write_text(
        f"""pid "{folder / "nginx.pid"}";
events {{ worker_connections 1024; }}
http {{
    access_log "{folder / "access.log"}";
    {temporary}
    include "{folder / "roundtrip.conf"}";
}}
""",
        encoding="utf-8",
    )
    return config


def _wait_for_nginx(front: Front) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _accepts(front.port):
        assert front.process.poll() is None, f"nginx ended:\n{front.log()}"
        assert time.monotonic() < deadline, f"nginx does not answer:\n{front.log()}"
        time.sleep(0.05)


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


# Raw requests ------------------------------------------------------------------------------------


def raw(port: int, data: bytes, enough: bytes = b"", seconds: float = 10) -> bytes:
    """Send bytes as they are; what comes back until the other side closes, or has sent `enough`."""
    with socket.create_connection(("127.0.0.1", port), seconds) as connection:
        answer = b""
        try:
            connection.sendall(data)
            while not (enough and enough in answer) and (piece := connection.recv(65_536)):
                answer += piece
        except (ConnectionError, BrokenPipeError):
            pass  # closed early: what was answered before counts
    return answer
