"""A trip as Markdown, for an issue, a mail or the terminal. Everything foreign is put into code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from blueprints.trips import picture, words
from blueprints.trips.picture import Stage
from blueprints.trips.words import Data, ms, plain

MOST_LINES = 30  # of a stage, and of the log


def as_markdown(data: Data) -> str:
    """The whole trip as text; as much of it as the data tells."""
    parts = [_head(data), _stages(data), _inside(data), _facts(data), _log(data)]
    return "\n\n".join(part for part in parts if part) + "\n"


def code(text: object, longest: int = 300) -> str:
    """A code span that its content cannot end."""
    shown = plain(text, longest).replace("`", "ˋ").replace("|", "¦")
    return f"`{shown}`" if shown else ""


def _head(data: Data) -> str:
    lines = [
        f"# Trip {data['label']}: {words.status(data['status'])[0]}",
        code(words.request_line(data)),
        "  \n".join(f"{name}: {value}" for name, value in _summary(data)),
    ]
    return "\n\n".join(lines)


def _summary(data: Data) -> Iterator[tuple[str, str]]:
    ended = words.outcome(data)[0]
    if ended:
        yield "Outcome", code(ended, 600)
    yield "Total", f"{ms(data['total_us'])}, {ms(data['cpu_us'])} of CPU"
    if data.get("usual_us") is not None:
        yield "Usual for this page", ms(data["usual_us"])
    yield "Queries", str(data["n_queries"])
    yield "When", words.when(data["began_at"])
    if data["person"]:
        yield "Person", code(data["person"], 80)
    yield "Number", data["id"]


def _stages(data: Data) -> str:
    rows = (
        (stage.number, stage.title, _own(stage), stage.share, code(stage.text, 120))
        for stage in picture.stages(data)
    )
    return _table(("#", "Stage", "Own ms", "Share", "What happened"), rows)


def _own(stage: Stage) -> str:
    return f"{stage.own_us / 1000:.2f}" if stage.own_us is not None else stage.state


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    lines = [list(head), ["---" for _ in head], *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _inside(data: Data) -> str:
    return "\n\n".join(_lines_of(stage) for stage in picture.stages(data) if stage.lines)


def _lines_of(stage: Stage) -> str:
    lines = [*stage.lines, *stage.folded]
    shown = [
        f"- {code(line.name.strip(), 120)} {ms(line.own_us)} {line.verdict} {code(line.text, 160)}"
        for line in lines[:MOST_LINES]
    ]
    left = len(lines) - MOST_LINES
    more = [f"- and {left} more"] if left > 0 else []
    return "\n".join([f"## {stage.number}. {stage.title}", "", *map(str.rstrip, shown), *more])


def _facts(data: Data) -> str:
    facts = [f"- {code(fact)}" for fact in words.lazy_loads(data)]
    facts += [
        f"- {fact['count']} × {code(fact['statement'], 200)}"
        for fact in data.get("repeated", [])[:10]
    ]
    return "\n".join(["## Repeated", "", *facts]) if facts else ""


def _log(data: Data) -> str:
    lines = data.get("logs", [])
    shown = [
        f"- {ms(line['at_us'])} {code(line['kind'], 40)} {code(line['text'], 160)}"
        for line in lines[:MOST_LINES]
    ]
    return "\n".join(["## Log", "", *shown]) if shown else ""
