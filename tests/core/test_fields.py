"""The laws of the field types, over every type in the registry: text, JSON, forms, pages, source."""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import replace
from datetime import date, timedelta
from datetime import time as clock_time
from decimal import Decimal
from html import unescape

import pytest
import sqlalchemy as sa
import sqlalchemy.orm as so
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict
from wtforms import Form

from app import fields
from app.errors import Invalid
from app.extensions import UTCDateTime, db
from app.fields import CANONICAL, FORM, TYPES, Exact, Field, load, of_column
from tests.core.laws import FIELDS, NAMES, fits, json_values, values

every_type = pytest.mark.parametrize("field", FIELDS, ids=NAMES)


def field(word, **options):
    """A field called Thing."""
    kind, implied = fields.named(word)
    return Field("f1", "thing", "Thing", kind, options={**kind.usual, **implied, **options})


def refused(one, text, notation=CANONICAL):
    with pytest.raises(Invalid) as error:
        one.type.parse(text, one, notation)
    assert error.value.errors == [(one.name, error.value.detail)]
    return error.value.detail


# Laws ------------------------------------------------------------------------------------------


@every_type
@given(data=st.data())
def test_what_is_printed_is_read_back(field, data):
    value = data.draw(values(field))
    for notation in (CANONICAL, FORM):
        text = field.type.text(value, field, notation)
        assert field.type.parse(text, field, notation) == value
        assert field.type.parse(f" \t{text}\n", field, notation) == value
        assert type(field.type.parse(text, field, notation)) is type(value)


@every_type
@given(data=st.data())
def test_json_comes_back_and_satisfies_the_schema(field, data):
    sent = data.draw(json_values(field))
    value = field.type.from_json(sent, field)
    if value is not None:
        out = field.type.to_json(value, field)
        assert field.type.from_json(out, field) == value
        assert fits(field.type.schema(field), out)
    assert fits(field.type.schema(field), None)
    assert field.type.to_json(None, field) is None
    assert field.type.from_json(None, field) is None


@every_type
@pytest.mark.parametrize("sent", [[], {}, 1.5, ["x"]], ids=str)
def test_json_of_another_kind_is_refused_in_words(field, sent):
    if fits(field.type.schema(field), sent):
        assert field.type.from_json(sent, field) is None
        return
    with pytest.raises(Invalid, match=f"^{field.label} must be "):
        field.type.from_json(sent, field)


class Html:
    """The inputs of a form, as a browser would post them."""

    def __init__(self, markup: str) -> None:
        self.markup = markup

    def posted(self) -> list[str]:
        if self.markup.startswith("<select"):
            chosen = re.search(r"<option(?=[^>]* selected)[^>]* value=\"([^\"]*)\"", self.markup)
            return [unescape(chosen[1]) if chosen else ""]
        if self.markup.startswith("<textarea"):
            inner = re.fullmatch(r"<textarea[^>]*>\r?\n?(.*)</textarea>", self.markup, re.DOTALL)
            return [unescape(inner[1]).replace("\n", "\r\n")]
        inputs = re.findall(r"<input [^>]*>", self.markup)
        sent = [one for one in inputs if "checkbox" not in one or " checked" in one]
        return [unescape(re.search(r' value="([^"]*)"', one)[1]) for one in sent]


def form_of(one, posted=None, **data):
    class Made(Form):
        pass

    setattr(Made, f"f_{one.name}", one.type.input(one))
    return Made(MultiDict(posted) if posted is not None else None, data=data)


@every_type
@given(data=st.data())
def test_a_form_posts_back_what_it_shows(field, data):
    value = data.draw(st.one_of(st.none(), values(field)))
    shown = form_of(field, **{f"f_{field.name}": value})
    markup = str(shown[f"f_{field.name}"]())
    assert f'name="{field.name}"' in markup
    back = form_of(field, {field.name: Html(markup).posted()})
    assert back.validate(), back.errors
    assert back[f"f_{field.name}"].data == value


@every_type
@given(text=st.text(max_size=20))
def test_a_form_keeps_what_was_typed_and_could_not_be_read(field, text):
    form = form_of(field, {field.name: text})
    if not form.validate():
        markup = str(form[f"f_{field.name}"]())
        if "\n" not in text and "\r" not in text:
            assert field.type.posted(Html(markup).posted()) == text
        assert not re.search(r'type="(date|time)', markup)


@every_type
@given(data=st.data())
def test_a_cell_is_markup_that_escapes_the_value(field, data):
    value = data.draw(values(field))
    cell = field.type.cell(value, field)
    assert hasattr(cell, "__html__")
    assert not re.search(r"<(?!/?(a|code|time|span)\b)", cell)
    assert field.type.cell(None, field) == ""


IN_COLUMNS = [one for one in FIELDS if one.type.column(one) is not None]


@pytest.mark.parametrize("field", IN_COLUMNS, ids=[one.name for one in IN_COLUMNS])
def test_source_is_read_back_as_the_same_field(field):
    rich = Field(
        "x7", field.name, 'Ein "Wört"\n\'{x}\'', field.type, True, True,
        "", "\\ \u202e help", {**field.options},
    )  # fmt: skip
    for declared in (field, rich):
        column = of_column(db.Model.metadata.tables[model_of(declared)].c[declared.name])
        assert column == declared
        assert of_column(declared.type.column(declared)) == declared
        assert load(declared.document()) == declared


def model_of(declared):
    """Make the model with this line in it, and give the name of its table."""
    name = f"Law{len(db.Model.metadata.tables)}"
    names = {**vars(fields), "db": db, "sa": sa, "so": so, "UTCDateTime": UTCDateTime}
    names |= {"Decimal": Decimal, "dt": dt}
    names["__name__"] = "blueprints.laws"
    text = f"class {name}(db.Model):\n    {declared.type.source(declared)}\n"
    exec(compile(text, "models.py", "exec", dont_inherit=True), names)
    return f"laws__{name.lower()}"


@pytest.fixture(autouse=True, scope="module")
def no_model_stays():
    yield
    for table in [t for name, t in db.metadata.tables.items() if name.startswith("laws__")]:
        db.metadata.remove(table)
    for mapper in [m for m in db.Model.registry.mappers if m.class_.__name__.startswith("Law")]:
        db.Model.registry._dispose_cls(mapper.class_)
        db.Model.registry._class_registry.pop(mapper.class_.__name__, None)


@every_type
def test_blank_is_none_and_required_is_said_in_words(field):
    for text in ("", " ", "\t\r\n", "\u00a0\u3000"):
        for notation in (CANONICAL, FORM):
            assert field.type.parse(text, field, notation) is None
    assert field.type.text(None, field) == ""
    needed = Field("x", "x", "Due", field.type, required=True, options=field.options)
    with pytest.raises(Invalid, match="^Due must not be empty$"):
        needed.type.check(None, needed)
    assert field.type.check(None, field) is None
    form = form_of(needed, {})
    assert not form.validate() and form.errors == {"f_x": ["Due must not be empty"]}


@every_type
def test_a_default_is_shown_in_a_new_form(field):
    text = field.type.text(field.type.parse(field.type.example_of(field), field), field)
    declared = Field("x", "x", "X", field.type, default=text, options=field.options)
    assert form_of(declared)["f_x"].data == field.type.parse(text, field)


# Hostile texts ---------------------------------------------------------------------------------

HOSTILE = {
    "nul": "a\0b", "rtl": "\u202eevil", "long": "x" * 10_000, "digits": "9" * 10_000,
    "decimals": "1." + "0" * 9_000 + "1", "groups": "1" + ",000" * 2_500, "dots": "." * 10_000,
    "minus": "-" * 10_000, "parens": "(" * 5_000 + ")" * 5_000, "control": "a\x07b", "surrogate": "a\ud800",
    "formula": "=1+1", "exponent": "1e999999", "arabic": "٣", "wide": "１２", "underscore": "1_000",
    "nan": "nan", "inf": "-inf", "blanks": " 12 ", "true minus": "−5", "sql": "'; DROP TABLE x; --",
    "html": "<script>alert(1)</script>", "jinja": "{{ 7*7 }}", "python": "__import__('os')",
    "year zero": "0000-01-01", "no day": "2026-02-30", "hour": "25:00", "zone": "0001-01-01T00:00:00+23:59",
    "late": "9999-12-31T23:59:59-23:59", "mail": "a@" + "b." * 5_000, "web": "https://" + "a" * 9_000,
    "script": "javascript:alert(1)", "phone": "(" * 40, "emoji": "👩‍👩‍👧", "combining": "e" + "\u0301" * 500,
    "half": "\U0001f9d1\u200d", "backslash": "\\" * 99, "braces": "{" * 999, "zero": "-0", "plus": "+5",
    "hex": "0x10", "percent": "5%", "money": "$5", "fraction": "½", "superscript": "²", "bom": "\ufeff12",
}  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_are_read_exactly_or_refused_in_words(text):
    for one in FIELDS:
        for notation in (CANONICAL, FORM):
            try:
                value = one.type.parse(text, one, notation)
            except Invalid as error:
                assert_words(error, one)
            else:
                shown = one.type.text(value, one, notation)
                assert one.type.parse(shown, one, notation) == value
                assert isinstance(value, str) <= (value == text.strip())
                assert not isinstance(value, str) or value.encode()
        one.type.guess([text], "name")


def assert_words(error, field):
    """The words are about the field, short, and not among those that we do not use."""
    assert error.errors == [(field.name, error.detail)]
    assert re.match(rf"{field.label} (must|can|is|has|takes|needs) ", error.detail)
    assert len(error.detail) < 200
    assert not re.search(r"(?i)\b(invalid|error|please|null|none)\b", error.detail)


@every_type
@given(text=st.text(), notation=st.sampled_from([CANONICAL, FORM]))
def test_any_text_is_read_or_refused_in_words(field, text, notation):
    try:
        value = field.type.parse(text, field, notation)
    except Invalid as error:
        assert_words(error, field)
    else:
        again = field.type.parse(field.type.text(value, field, notation), field, notation)
        assert again == value


# What a person may type ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "text", "value"),
    [
        ("integer", "1200", 1200), ("integer", "1,200", 1200), ("integer", "1.200", 1200),
        ("integer", "1 200", 1200), ("integer", "1'200'300", 1200300), ("integer", "−5", -5),
        ("integer", "(5)", -5), ("integer", "5-", -5), ("integer", "-0", 0), ("integer", "007", 7),
        ("decimal", "1.234,50", Decimal("1234.50")), ("decimal", "1,234.50", Decimal("1234.50")),
        ("decimal", "1\u00a0234,5", Decimal("1234.50")), ("decimal", "12,5", Decimal("12.50")),
        ("decimal", "1,234,567", Decimal(1234567)), ("decimal", "1.234.567", Decimal(1234567)),
        ("decimal", "0.10", Decimal("0.10")), ("decimal", "-1’234.5", Decimal("-1234.50")),
        ("percent", "12.5 %", Decimal("12.50")), ("percent", "12,5%", Decimal("12.50")),
        ("money", "€12.50", Decimal("12.50")), ("money", "12,50 €", Decimal("12.50")),
        ("money", "EUR 1,234.50", Decimal("1234.50")), ("money", "(€5.00)", Decimal("-5.00")),
        ("money", "-€5", Decimal("-5.00")), ("money", "€-5", Decimal("-5.00")),
        ("date", "2026-12-24", date(2026, 12, 24)), ("date", "24.12.2026", date(2026, 12, 24)),
        ("date", "12/24/2026", date(2026, 12, 24)), ("date", "24/12/2026", date(2026, 12, 24)),
        ("date", "3/3/2026", date(2026, 3, 3)), ("date", "24 Dec 2026", date(2026, 12, 24)),
        ("date", "24.12.26", date(2026, 12, 24)), ("date", "1.2.69", date(1969, 2, 1)),
        ("time", "18:30", clock_time(18, 30)), ("time", "6:30 PM", clock_time(18, 30)),
        ("time", "12:05 AM", clock_time(0, 5)),
        ("yes-no", "Ja", True), ("yes-no", "NO", False), ("yes-no", "x", True), ("yes-no", "0", False),
        ("duration", "90m", timedelta(minutes=90)), ("duration", "1h 30 min", timedelta(minutes=90)),
        ("duration", "2d", timedelta(days=2)), ("duration", "30:00:00", timedelta(hours=30)),
        ("duration", "-0:00:05", timedelta(seconds=-5)), ("duration", "0:00", timedelta()),
        ("multi-choice", "done;OPEN", ("Open", "Done")), ("multi-choice", "Done", ("Done",)),
        ("auto-number", "007", 7),
        ("choice", "open", "Open"), ("text", " 007 ", "007"), ("long-text", "a\r\nb", "a\nb"),
    ],
)  # fmt: skip
def test_a_form_takes_what_can_only_mean_one_thing(word, text, value):
    one = field(word)
    assert one.type.parse(text, one, FORM) == value


@pytest.mark.parametrize(
    ("name", "unique", "shown"),
    [
        ("quantity", False, "10,248"), ("quantity", True, "10248"), ("order_id", False, "10248"),
        ("year", False, "10248"), ("paid", False, "10,248"),
        ("yearly", False, "10,248"), ("invoice_no", False, "10248"),
    ],
)  # fmt: skip
def test_the_thousands_of_a_quantity_are_set_apart_and_those_of_a_key_are_not(name, unique, shown):
    one = replace(field("integer"), name=name, unique=unique)
    assert one.type.show(10248, one) == shown


@pytest.mark.parametrize(
    ("word", "text", "words"),
    [
        ("integer", "1.5", "Thing must be a whole number like 1200"),
        ("integer", "abc", "Thing must be a whole number like 1200"),
        ("integer", "1" * 16, "Thing can have up to 15 digits; codes take more"),
        ("decimal", "1,234", "Thing can mean several things; write 1234.00 or 1.234"),
        ("decimal", "1.005", "Thing can have up to 2 decimals, like 12.50"),
        ("decimal", "12345678901234", "Thing can have up to 13 digits before the point; codes take more"),
        ("decimal", "5%", "Thing must be a number like 12.50"),
        ("money", "$12.50", "Thing is in EUR; “$” is another currency"),
        ("date", "03/04/2026", "Thing can mean several things; write 2026-04-03 or 2026-03-04"),
        ("date", "2026-02-30", "Thing must be a date like 2026-12-24"),
        ("date", "20260102", "Thing must be a date like 2026-12-24"),
        ("date-time", "2026-12-24", "Thing must be a date and time like 2026-12-24T18:30:00Z"),
        ("time", "24:00", "Thing must be a time like 18:30:00"),
        ("duration", "1:30", "Thing can mean several things; write 1:30:00 or 0:01:30"),
        ("duration", "soon", "Thing must be a length of time like 1:30:00"),
        ("duration", "1000000h", "Thing must be less than 1,000,000 hours"),
        ("multi-choice", "Open, Lost", "Thing must be “Open” or “Done”, or several of them"),
        ("yes-no", "perhaps", "Thing must be yes or no"),
        ("choice", "Closed", "Thing must be “Open” or “Done”"),
        ("text", "two\nlines", "Thing must be a line of text like Blue pens"),
        ("text", "a\0b", "Thing can hold what can be seen only; character 2 is U+0000, which has to go"),
        ("text", "x" * 300, "Thing can have up to 255 characters; this has 300"),
        ("email", "ada at home", "Thing must be an address of mail like ada@example.com"),
        ("url", "www.example.com", "Thing must be an address of the web like https://example.com"),
        ("phone", "call me", "Thing must be a phone number like +49 30 901820"),
    ],
)  # fmt: skip
def test_what_is_refused_is_told_what_works(word, text, words):
    assert refused(field(word), text, FORM) == words


@pytest.mark.parametrize(
    "word", ["integer", "decimal", "money", "date", "date-time", "time", "duration"]
)
@pytest.mark.parametrize(
    "text", ["1,200.5", "24.12.2026", "6:30 PM", "12/24/2026 18:30", "−5", "€5", "90m"]
)
def test_canonical_text_is_one_notation_only(word, text):
    refused(field(word), text)


def test_limits_are_named():
    one = field("integer", min=1, max=10)
    assert refused(one, "0") == "Thing must be 1 or more"
    assert refused(one, "11") == "Thing must be 10 or less"
    with pytest.raises(Invalid, match="1 or more"):
        one.type.from_json(0, one)
    assert refused(field("decimal", min="0.5"), "0.4") == "Thing must be 0.5 or more"


def test_a_json_number_with_a_point_is_refused_and_a_whole_one_is_exact():
    one = field("decimal")
    with pytest.raises(Invalid, match='must be a number in quotes, like "12.50"'):
        one.type.from_json(12.5, one)
    assert one.type.from_json(12, one) == Decimal("12.00")
    with pytest.raises(Invalid):
        one.type.from_json(True, one)


@pytest.fixture
def berlin(app):
    app.config["ROUNDTRIP_TIMEZONE"] = "Europe/Berlin"
    with app.app_context():
        yield field("date-time")


def test_a_form_has_times_of_the_workspace(berlin):
    parse, text = berlin.type.parse, berlin.type.text
    summer = parse("2026-07-01 12:00", berlin, FORM)
    assert text(summer, berlin) == "2026-07-01T10:00:00Z"
    assert text(summer, berlin, FORM) == "2026-07-01T12:00"
    assert parse("1.7.2026 12:00", berlin, FORM) == summer
    assert parse("2026-07-01T12:00+02:00", berlin) == summer
    assert "1 Jul 2026, 12:00" in berlin.type.cell(summer, berlin)


def test_an_hour_that_comes_twice_or_never(berlin):
    parse, text = berlin.type.parse, berlin.type.text
    first, second = parse("2026-10-25T00:30:00Z", berlin), parse("2026-10-25T01:30:00Z", berlin)
    assert parse("2026-10-25 02:30", berlin, FORM) == first
    assert text(first, berlin, FORM) == "2026-10-25T02:30"
    assert text(second, berlin, FORM) == "2026-10-25T01:30:00Z"
    refused(berlin, "2026-03-29 02:30", FORM)


@pytest.mark.parametrize(
    ("source", "value", "target", "expected"),
    [
        ("integer", 5, "decimal", Decimal("5.00")), ("decimal", Decimal("5.00"), "integer", 5),
        ("decimal", Decimal("5.50"), "integer", Invalid), ("text", "1.234,50", "decimal", Decimal("1234.50")),
        ("text", "24.12.2026", "date", date(2026, 12, 24)), ("text", "soon", "date", Invalid),
        ("date", date(2026, 12, 24), "text", "2026-12-24"), ("yes-no", True, "text", "true"),
        ("text", "open", "choice", "Open"), ("choice", "Open", "text", "Open"), ("integer", 1, "yes-no", True),
        ("money", Decimal("1.50"), "decimal", Decimal("1.50")), ("integer", None, "text", None),
        ("duration", timedelta(hours=30), "text", "30:00:00"), ("text", "2d", "duration", timedelta(days=2)),
        ("time", clock_time(1, 30), "duration", timedelta(minutes=90)), ("integer", 5, "duration", Invalid),
        ("text", "Done,open", "multi-choice", ("Open", "Done")), ("choice", "Open", "multi-choice", ("Open",)),
        ("multi-choice", ("Done",), "choice", "Done"), ("multi-choice", ("Open", "Done"), "choice", Invalid),
        ("yes-no", True, "integer", Invalid), ("text", "a\nb", "long-text", "a\nb"),
    ],
)  # fmt: skip
def test_values_become_those_of_another_type_or_say_why_not(source, value, target, expected):
    old, new = field(source), field(target)
    if expected is Invalid:
        with pytest.raises(Invalid):
            new.type.convert(value, old, new)
    else:
        assert new.type.convert(value, old, new) == expected


def test_a_moment_has_a_day_and_a_day_begins(berlin):
    day = field("date")
    late = berlin.type.parse("2026-06-30T22:30:00Z", berlin)
    assert day.type.convert(late, berlin, day) == date(2026, 7, 1)
    began = berlin.type.convert(date(2026, 7, 1), day, berlin)
    assert berlin.type.text(began, berlin) == "2026-06-30T22:00:00Z"


def test_cells():
    shown = {
        ("decimal", Decimal("-1234.50")): "-1,234.50", ("percent", Decimal("12.50")): "12.50 %",
        ("money", Decimal("1234.50")): "€1,234.50", ("integer", 1234567): "1,234,567", ("yes-no", False): "No",
        ("duration", timedelta(hours=30)): "30:00:00", ("multi-choice", ("Open", "Done")): "Open, Done",
        ("code", "<b>"): "<code>&lt;b&gt;</code>", ("text", "<b>"): "&lt;b&gt;",
        ("email", "a&b@x.de"): '<a href="mailto:a&amp;b@x.de" rel="noopener noreferrer">a&amp;b@x.de</a>',
        ("date", date(2026, 11, 2)): '<time datetime="2026-11-02">2 Nov 2026</time>',
    }  # fmt: skip
    for (word, value), markup in shown.items():
        assert field(word).type.cell(value, field(word)) == markup
    assert field("choice", tones={"Open": "ok"}).type.cell(
        "Open", field("choice", tones={"Open": "ok"})
    ) == ('<span class="status ok">Open</span>')
    assert field("decimal", shown=0).type.text(Decimal("14.00"), field("decimal", shown=0)) == "14"


def test_a_choice_with_a_comma_can_be_chosen_and_becomes_one_of_several():
    old, new = (field(word, choices=["a", "b", "a, b"]) for word in ("choice", "multi-choice"))
    assert new.type.convert("a, b", old, new) == ("a, b",)
    assert new.type.parse("a, b", new) == ("a", "b")
    assert new.type.cell(("<i>",), new) == "&lt;i&gt;"
    toned = field("multi-choice", tones={"Open": "ok"})
    assert toned.type.cell(("Open", "Done"), toned) == '<span class="status ok">Open</span>, Done'


def test_boxes_that_are_all_unticked_mean_blank():
    one = field("multi-choice")
    shown = str(form_of(one, f_thing=("Open", "Done"))["f_thing"]())
    assert re.findall(r'id="thing-(\d)"', shown) == ["0", "1"] and "checked" in shown
    unticked = Html(shown.replace(" checked", "")).posted()
    assert unticked == [""]
    assert form_of(one, {"thing": unticked})["f_thing"].data is None


def test_a_number_that_the_app_gives_is_shown_and_not_to_be_typed():
    one = field("auto-number", prefix="INV-", digits=4)
    shown = str(form_of(one, f_thing=7)["f_thing"]())
    assert 'value="INV-0007"' in shown and " readonly" in shown
    assert one.type.parse("INV-7", one) == one.type.parse("7", one) == 7
    assert one.type.to_json(7, one) == 7
    with pytest.raises(Invalid, match="^Thing is given by the app; leave it as it is$"):
        one.type.check_given(8, 7, one)
    one.type.check_given(7, 7, one)


def test_an_archived_choice_is_kept_and_not_offered():
    one = field("choice", choices=["Open", "Old"], archived=["Old"])
    assert 'value="Old"' not in str(form_of(one)["f_thing"]())
    shown = str(form_of(one, f_thing="Old")["f_thing"]())
    assert Html(shown).posted() == ["Old"]
    assert form_of(one, {"thing": "Old"}).validate()


# Written models --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "info", "word", "options"),
    [
        (sa.String(120), {}, "text", {"max": 120}), (sa.Text(), {}, "long-text", {}),
        (sa.Integer(), {}, "integer", {"min": -(2**31), "max": 2**31 - 1}), (sa.BigInteger(), {}, "integer", {}),
        (Exact(4), {}, "decimal", {"scale": 4}), (Exact(4), {"field": "money"}, "money", {"scale": 4}),
        (sa.Boolean(), {}, "yes-no", {}), (sa.Date(), {}, "date", {}), (UTCDateTime(), {}, "date-time", {}),
        (sa.Time(), {}, "time", {}), (sa.Enum("a", "b"), {}, "choice", {"choices": ["a", "b"]}),
        (sa.String(254), {"field": "email"}, "text", {"max": 254, "format": "email"}),
        (sa.Text(), {"field": "text"}, "text", {}), (sa.Float(), {}, None, {}), (sa.Numeric(9, 2), {}, None, {}),
        (sa.JSON(), {}, None, {}), (sa.DateTime(), {}, None, {}),
    ],
    ids=str,
)  # fmt: skip
def test_a_column_of_a_model_is_a_field(kind, info, word, options):
    found = of_column(sa.Column("due_on", kind, nullable=False, info=info))
    if word is None:
        assert found is None
    else:
        assert (found.type, found.options) == (TYPES[word], options)
        assert (found.id, found.label, found.required) == ("due_on", "Due on", True)


def test_a_word_that_is_no_type_names_those_that_are():
    with pytest.raises(KeyError, match="no field type 'colour'; there are .*yes-no, integer"):
        of_column(sa.Column("x", sa.String(), info={"field": "colour"}))


def test_a_blueprint_may_bring_a_type_but_not_take_a_name(monkeypatch):
    monkeypatch.setattr(fields, "TYPES", dict(TYPES))

    class Colour(type(TYPES["text"])):
        name = "colour"
        variants = {}

    fields.register(Colour())
    assert next(iter(fields.TYPES)) == "colour"
    with pytest.raises(ValueError, match="called colour already"):
        fields.register(Colour())


def test_nobody_outside_asks_which_type_a_field_has():
    from app.config import CHECKOUT

    asks = re.compile(r"\btype(\.name)?\s*(==|!=|\bis\b|\bin\b)|isinstance\([^)]*FieldType")
    for folder in ("app", "blueprints"):
        for path in (CHECKOUT / folder).rglob("*.py"):
            if "fields" not in path.parts:
                found = [
                    line
                    for line in path.read_text(encoding="utf-8").splitlines()
                    if "field" in line and asks.search(line)
                ]
                assert not found, path


# Settings --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
@given(data=st.data())
def test_settings_are_read_back_as_they_are_written(kind, data):
    typed = st.sampled_from(["", "2", "0.5", "EUR", "B\r\nA\n\n B ", "Blue", "x" * 300, "\0"])
    texts = {one.name: data.draw(typed) for one in kind.settings}
    try:
        options = kind.read_settings(texts)
    except Invalid as error:
        assert {name for name, _words in error.errors} <= texts.keys()
        return
    assert kind.read_settings(kind.write_settings(options)) == options
    declared = Field("f1", "thing", "Thing", kind, options=options)
    assert load(json.loads(json.dumps(declared.document()))) == declared
