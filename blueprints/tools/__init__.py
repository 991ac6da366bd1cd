"""/tools/<tool>/<table>/: the pages of every table, whether drawn in the browser, imported or written.

One set of pages for all tables: what a field looks like, takes and can be filtered by is asked of its
type. Calls go one way, `views → forms, lists, entries → services, words → app.tables`:

    views      HTTP only
    lists      a list as its address asks for it: headings, filters in words, links to everywhere else
    rows       the rows of a list as markup, a column at a time
    linked     what a record links to, and what links to it
    forms      a form made from the fields of a table
    entries    history as pages show it
    services   changes of a record: which one to undo, whether it was deleted
    words      how tables, values and changes are spoken of

A literal route of a written tool, such as /tools/visitors/visitor/, takes the place of that one page. Its
`templates/<tool>/<table>_list.html` and `<table>_record.html` are included in the pages of that table, the
latter with what the model's `extra_context()` returns for the record.
"""

from flask import Blueprint

bp = Blueprint("tools", __name__, url_prefix="/tools")

from blueprints.tools import views  # noqa: E402, F401
