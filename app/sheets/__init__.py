"""Spreadsheets in and out: CSV and XLSX are read, typed and written here, for pages, API and commands.

    with open_book(path) as book:               # a stream of rows of text
        found = inspect(book)                   # headings, types with reasons, questions, problems
        plan = found.plan()                     # plain settings that a person may change
        for row in read_rows(book, plan): ...   # values, or errors by line and column

Nothing here knows of requests, pages or the database. Errors are Invalid, in words for the person.
"""

from app.fields.names import field_name
from app.sheets.book import Book, Option, Problem, Problems, Question, Sheet, open_book
from app.sheets.inspecting import Column, Inspection, SheetInspection, inspect
from app.sheets.plan import Plan, PlanColumn
from app.sheets.rows import Row, read_rows
from app.sheets.writing import csv_lines, json_array, xlsx_file

__all__ = [
    "Book", "Column", "Inspection", "Option", "Plan", "PlanColumn", "Problem", "Problems",
    "Question", "Row", "Sheet", "SheetInspection", "csv_lines", "field_name", "inspect",
    "json_array", "open_book", "read_rows", "xlsx_file",
]  # fmt: skip
