"""`flask sheet …`: what an import would see of a file, what it would store; imports and exports."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa
from flask.cli import AppGroup

from app import jobs
from app.errors import Invalid
from app.extensions import db
from app.models import Person
from app.permissions import SYSTEM, Actor
from app.sheets import exporting
from app.sheets.book import Book, Problem, open_book
from app.sheets.importing import TAKEN, Import, enqueue
from app.sheets.inspecting import Inspection, SheetInspection, inspect
from app.sheets.merging import Counts, merge
from app.sheets.plan import Plan, word_of
from app.sheets.rows import read_rows
from app.sheets.writing import csv_lines
from app.tables import catalog, listing
from app.tables.live import Live

group = AppGroup("sheet", help="Spreadsheets in and out.")
File = click.Path(exists=True, dir_okay=False, path_type=Path)
SHOWN = 20


@group.command("inspect")
@click.argument("file", type=File)
@click.option("--sheet", help="Only the sheet with this name.")
@click.option("--json", "as_json", is_flag=True, help="For a program.")
def inspect_file(file: Path, sheet: str | None, as_json: bool) -> None:
    """Say what an import would see of FILE: columns with type and reason, questions, problems."""
    try:
        found = inspect(file, sheet)
    except Invalid as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps(found.document(), indent=2))
    else:
        for line in _told(found):
            _say(line)


def _say(line: str, err: bool = False) -> None:
    """A line with texts of a file in it: as far as the terminal has the letters, and no control codes."""
    encoding = getattr(sys.stderr if err else sys.stdout, "encoding", None) or "utf-8"
    plain = "".join(one if one.isprintable() else "\ufffd" for one in line)
    click.echo(plain.encode(encoding, "replace").decode(encoding), err=err)


def _told(found: Inspection) -> Iterator[str]:
    if found.encoding:
        yield f"encoding {found.encoding}, delimiter {found.delimiter!r}"
    for one in found.sheets:
        yield from _sheet_told(one)


def _sheet_told(one: SheetInspection) -> Iterator[str]:
    where = f"header in line {one.header_row:,}" if one.header_row else "no header"
    yield f"{one.name}{' (hidden)' if one.hidden else ''}: {one.rows:,} rows, {where}"
    for column in one.columns:
        best = column.guessed.best
        word = word_of(best.type, best.options)[0]
        yield f"  {column.heading} ({column.name}): {word}, because {best.reason}"
    for question in one.questions:
        yield f"  question: {question.text}: " + " or ".join(way.label for way in question.options)
    yield from (f"  {_line(problem)}" for problem in one.problems.listed[:SHOWN])
    if one.problems.count > SHOWN:
        yield f"  and {one.problems.count - SHOWN:,} more problems"


def _line(one: Problem) -> str:
    """A problem on one line."""
    value = f" “{' '.join(one.value.split())[:60]}”" if one.value else ""
    return f"line {one.line:,}{', ' + one.column if one.column else ''}:{value} {one.reason}"


@group.command("read")
@click.argument("files", type=File, nargs=-1, required=True)
@click.option("--sheet", help="The sheet with this name; without it the first that is visible.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The CSV file."
)
@click.option("--output-dir", type=click.Path(file_okay=False, path_type=Path), help="Or a folder.")
def read(
    files: tuple[Path, ...], sheet: str | None, output: Path | None, output_dir: Path | None
) -> None:
    """Read each FILE as an import does, and write every cell as the text that would be stored.

    In a folder a file is named <stem>.csv, with --sheet <stem>-<sheet>.csv.
    """
    if (output is None) == (output_dir is None):
        raise click.UsageError("Say where to write: either -o FILE or --output-dir DIR.")
    if output and len(files) > 1:
        raise click.UsageError("Several files need --output-dir DIR.")
    ends = [output or _named(output_dir, file, sheet) for file in files]  # type: ignore[arg-type]
    if len(set(ends)) < len(ends):
        raise click.UsageError("Two of the files would be written to the same name.")
    if not all([_read(file, sheet, end) for file, end in zip(files, ends, strict=True)]):
        raise SystemExit(1)


def _named(folder: Path, file: Path, sheet: str | None) -> Path:
    """Where a file goes; a sheet's name may hold what a file's may not."""
    safe = "".join("_" if one in '<>:"/\\|?*' or ord(one) < 32 else one for one in sheet or "")
    return folder / (f"{file.stem}-{safe}.csv" if sheet else f"{file.stem}.csv")


def _read(file: Path, sheet: str | None, end: Path) -> bool:
    """Whether it could be read; says why not."""
    try:
        end.parent.mkdir(parents=True, exist_ok=True)
        _convert(file, sheet, end)
        return True
    except (Invalid, OSError) as error:
        _say(f"{file.name}: {error}", err=True)
        return False


def _convert(file: Path, sheet: str | None, end: Path) -> None:
    with open_book(file) as book:
        found = inspect(book, book.sheet(sheet))
        if not found.sheet().columns:
            _say(f"{file.name}: there is nothing in it", err=True)
            end.write_bytes(b"")
            return
        plan = found.plan()
        headings = [column.label for column in plan.included()]
        with end.open("wb") as out:
            out.writelines(csv_lines(headings, _stored(book, plan), plain=True))


def _stored(book: Book, plan: Plan) -> Iterator[list[str]]:
    """The rows as they would be stored; a cell that is refused stays as it is, and is named."""
    fields, columns = plan.fields(), plan.included()
    writes = [partial(field.type.text, field=field) for field in fields]
    for row in read_rows(book, plan):
        texts = [write(value) for write, value in zip(writes, row.values, strict=True)]
        for problem in row.errors:
            _say(f"{book.path.name}, {_line(problem)}", err=True)
        if row.errors:
            known = zip(texts, columns, strict=True)
            texts = [text or row.texts[column.index] for text, column in known]
        yield texts


# Tables ----------------------------------------------------------------------------------------


@group.command("import")
@click.argument("file", type=File)
@click.option("--table", required=True, metavar="TOOL/TABLE", help="The table to import into.")
@click.option("--create", is_flag=True, help="Make the table, and its tool where that is missing.")
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="FIELD",
    help="Rows are found by this field, by name or label.",
)
@click.option("--mode", type=click.Choice(["add", "update", "both", "mirror"]), default="both",
              show_default=True, help="What is done with rows that are there, or are not.")  # fmt: skip
@click.option("--sheet", help="The sheet with this name; without it the first that is visible.")
@click.option("--dry-run", is_flag=True, help="Only say what an import would do.")
@click.option("--as", "email", metavar="EMAIL", help="In whose name; without it as the operator.")
@click.option("--json", "as_json", is_flag=True, help="For a program.")
def import_file(
    file: Path, table: str, create: bool, keys: tuple[str, ...], mode: str, sheet: str | None,
    dry_run: bool, email: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Import FILE into a table, to its end."""
    actor, (tool, name) = _actor(email), _names(table)
    if create:
        counts = _create(actor, file, tool, name, keys, sheet, dry_run)
    else:
        live = catalog.get(actor, tool, name, "import")
        counts = merge(actor, live, file, keys, mode, sheet, dry_run, may_delete=0.1)
    _tell(counts, as_json)


def _create(
    actor: Actor, file: Path, tool: str, name: str, keys: tuple[str, ...], sheet: str | None, dry_run: bool
) -> Counts:  # fmt: skip
    """Make a table of the file; a dry run only counts."""
    with open_book(file) as book:
        found = inspect(book, book.sheet(sheet))
        if not found.sheet().columns:
            raise Invalid(f"{file.name}: there is nothing in it.")
        plan, label = found.plan(), name.replace("_", " ").capitalize()
        by_label = {one.label.casefold(): one.name for one in plan.columns}
        wanted = Import(
            str(file.resolve()), file.name, plan, tool, name, label,
            tool_label=tool.replace("_", " ").capitalize(), skip=True,
            keys=tuple(by_label.get(key.casefold(), key) for key in keys),
        )  # fmt: skip
        if dry_run:
            return _would_create(book, wanted)
    job = enqueue(actor, wanted, found.sheet().rows)
    jobs.run(job.id)
    return _counted(job.id)


def _would_create(book: Book, wanted: Import) -> Counts:
    """What an import as a new table would do: also there the second row with a key is left out."""
    table = catalog.check_new(wanted.table(None))
    unique = [(place, one) for place, one in enumerate(table.fields) if one.unique]
    seen: dict[str, set[Any]] = {one.name: set() for _, one in unique}
    counts = Counts()
    for row in read_rows(book, wanted.plan):
        errors = list(row.errors)
        for place, one in unique if not errors else ():
            value = row.values[place]
            if value in seen[one.name]:
                errors.append(Problem(row.line, one.label, one.type.text(value, one), TAKEN))
            seen[one.name] |= {value} - {None}
        counts.create += not errors
        counts.reject += bool(errors)
        for error in errors:
            counts.problems.add(*error)
    return counts


def _counted(job_id: int) -> Counts:
    job = jobs.get(SYSTEM, job_id)
    if job.state != "done" or job.result is None:
        raise Invalid(job.message)
    counts = Counts(create=job.result["rows"], reject=job.result["refused"])
    for one in job.result["problems"]:
        counts.problems.add(*one)
    return counts


def _tell(counts: Counts, as_json: bool) -> None:
    found = counts.document()
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    click.echo(", ".join(f"{found[word]:,} {word}" for word in found if word != "problems"))
    for one in counts.problems.listed[:SHOWN]:
        click.echo(f"  {_line(one)}", err=True)


@group.command("export")
@click.argument("table", metavar="TOOL/TABLE")
@click.option(
    "--format", "kind", type=click.Choice(list(exporting.TYPES)), default="csv", show_default=True
)
@click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="'status=open'",
    help="As in the address of a list.",
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Else standard output."
)
@click.option("--as", "email", metavar="EMAIL", help="In whose name; without it as the operator.")
def export(
    table: str, kind: str, filters: tuple[str, ...], output: Path | None, email: str | None
) -> None:
    """Export the records of a table, all fields."""
    actor, (tool, name) = _actor(email), _names(table)
    live = catalog.get(actor, tool, name, "export")
    args: dict[str, list[str]] = {"fields": [",".join(one.name for one in live.table.fields)]}
    for one in filters:
        parameter, equals, value = one.partition("=")
        if not equals:
            raise click.UsageError(f"--filter {one}: write field=value, or field__lookup=value.")
        args.setdefault(parameter, []).append(value)
    _write(actor, live, listing.read(live, args), kind, output)


def _write(actor: Actor, live: Live, query: listing.Query, kind: str, output: Path | None) -> None:
    """A file gets its name only when it is whole."""
    if kind == "xlsx" and output is None:
        raise click.UsageError("A workbook needs a file: -o FILE.xlsx")
    if output is None:
        out = sys.stdout.buffer
        out.writelines(exporting.stream(actor, live, query, kind))
        return
    part = output.with_name(output.name + ".part")
    try:
        if kind == "xlsx":
            exporting.as_xlsx(actor, live, query, part)
        else:
            with part.open("wb") as file:
                file.writelines(exporting.stream(actor, live, query, kind))
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


def _names(table: str) -> tuple[str, str]:
    tool, slash, name = table.partition("/")
    if not (slash and tool and name) or "/" in name:
        raise click.UsageError(
            f"“{table}” is no table: write TOOL/TABLE, such as customers/customers."
        )
    return tool, name


def _actor(email: str | None) -> Actor:
    """The person with this address; the operator at the machine without one."""
    if email is None:
        return SYSTEM
    query = sa.select(Person).where(sa.func.lower(Person.email) == email.lower(), Person.active)
    person = db.session.scalar(query)
    if person is None:
        raise Invalid(f"Nobody who may sign in has the address {email}.")
    return Actor.of(person)
