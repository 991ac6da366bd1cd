"""Code to copy that asks the API for a table: curl, Python without anything to install, PowerShell."""

from __future__ import annotations

import json
import shlex
from typing import Any, NamedTuple

KEY = "rt_your_key"


class Request(NamedTuple):
    """A request to show: `body` is None where it has none."""

    method: str
    url: str
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def all_headers(self) -> dict[str, str]:
        """What goes with it, the key first."""
        kind = {} if self.body is None else {"Content-Type": "application/json"}
        return {"Authorization": f"Bearer {KEY}", **kind, **dict(self.headers)}


class Sample(NamedTuple):
    """What somebody wants to do, with the code for it by language."""

    name: str
    title: str
    codes: dict[str, str]


def of(title: str, name: str, request: Request) -> Sample:
    """The code for a request."""
    makers = {"curl": curl, "Python": python, "PowerShell": powershell}
    return Sample(name, title, {language: make(request) for language, make in makers.items()})


def curl(request: Request) -> str:
    """For a shell."""
    lines = [f"curl -X {request.method} {shlex.quote(request.url)}"]
    lines += [f"  -H {shlex.quote(f'{name}: {one}')}" for name, one in request.all_headers.items()]
    if request.body is not None:
        lines.append(f"  -d {shlex.quote(json.dumps(request.body, ensure_ascii=False))}")
    return " \\\n".join(lines)


def python(request: Request) -> str:
    """With the standard library alone; what is refused is printed in the API's own words."""
    lines = ["import json, urllib.error, urllib.request", ""]
    data = ""
    if request.body is not None:
        lines.append(f"body = {_literal(request.body)}")
        data = "data=json.dumps(body).encode(), "
    lines += [
        f"request = urllib.request.Request({_literal(request.url)}, {data}method={_literal(request.method)})",
        *(
            f"request.add_header({_literal(name)}, {_literal(one)})"
            for name, one in request.all_headers.items()
        ),
        "try:",
        "    with urllib.request.urlopen(request) as answer:",
        "        print(json.load(answer))",
        "except urllib.error.HTTPError as error:",
        "    print(error.read().decode())",
    ]
    return "\n".join(lines)


def _literal(value: Any) -> str:
    """Python's own spelling, which for texts, numbers and lists is nearly that of JSON."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def powershell(request: Request) -> str:
    """For Windows, where it is at hand."""
    headers = "; ".join(
        f"{_quoted(name)} = {_quoted(one)}" for name, one in request.all_headers.items()
    )
    line = f"Invoke-RestMethod -Method {request.method} -Uri {_quoted(request.url)} -Headers @{{ {headers} }}"
    if request.body is None:
        return line
    body = _quoted(json.dumps(request.body, ensure_ascii=False))
    # Windows PowerShell sends texts as Latin-1 unless they are bytes
    return f"$body = [Text.Encoding]::UTF8.GetBytes({body})\n{line} -Body $body"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
