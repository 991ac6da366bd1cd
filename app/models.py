"""The core's own tables on one page: who may come in, what tables there are, what happened, what runs.

Declarations only, no logic.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
import sqlalchemy.orm as so

from app.extensions import db, utcnow


class Person(db.Model):
    """Somebody who signs in. `password_hash` is empty until a password is chosen by a link."""

    __tablename__ = "person"

    name: so.Mapped[str] = so.mapped_column(sa.String(200))
    email: so.Mapped[str] = so.mapped_column(sa.String(254), unique=True)
    password_hash: so.Mapped[str] = so.mapped_column(sa.String(200), default="")
    admin: so.Mapped[bool] = so.mapped_column(default=False)
    active: so.Mapped[bool] = so.mapped_column(default=True)
    theme: so.Mapped[str] = so.mapped_column(sa.String(10), default="auto")
    density: so.Mapped[str] = so.mapped_column(sa.String(10), default="default")
    timezone: so.Mapped[str] = so.mapped_column(sa.String(60), default="")
    formats: so.Mapped[str] = so.mapped_column(sa.String(20), default="")
    last_seen_at: so.Mapped[datetime | None]


class Session(db.Model):
    """One sign-in on one device. The cookie holds a token, this row only its SHA-256.

    A `remembered` one outlives the browser, and its token changes: `previous_hash` is of the one
    before, until `rotated_at` is a moment ago. `signed_in_at` is when the password was last typed.
    `seeing_id` is the person as whom an administrator looks at the app, without changing anything.
    """

    __tablename__ = "session"

    token_hash: so.Mapped[str] = so.mapped_column(sa.String(64), unique=True)
    person_id: so.Mapped[int] = so.mapped_column(
        sa.ForeignKey("person.id", ondelete="CASCADE"), index=True
    )
    device: so.Mapped[str] = so.mapped_column(sa.String(200), default="")
    address: so.Mapped[str] = so.mapped_column(sa.String(60), default="")
    last_seen_at: so.Mapped[datetime]
    expires_at: so.Mapped[datetime]
    signed_in_at: so.Mapped[datetime] = so.mapped_column(default=utcnow)
    place: so.Mapped[str] = so.mapped_column(sa.String(200), default="")
    remembered: so.Mapped[bool] = so.mapped_column(default=False)
    previous_hash: so.Mapped[str | None] = so.mapped_column(sa.String(64), index=True)
    rotated_at: so.Mapped[datetime | None]
    seeing_id: so.Mapped[int | None]


class Link(db.Model):
    """A one-use link: `setup` makes the first administrator, `reset` sets a person's password, `invite`
    the first one of somebody who was invited."""

    __tablename__ = "link"

    purpose: so.Mapped[str] = so.mapped_column(sa.String(20))
    token_hash: so.Mapped[str] = so.mapped_column(sa.String(64), unique=True)
    person_id: so.Mapped[int | None] = so.mapped_column(
        sa.ForeignKey("person.id", ondelete="CASCADE"), index=True
    )
    expires_at: so.Mapped[datetime]
    used_at: so.Mapped[datetime | None]


class Role(db.Model):
    """What the people who have it may do. `rights` are of the workspace, such as `trips`; `grants` of
    tools and tables, as `app.permissions.Grant.document` writes them. `api_rate` is how often they may use
    the API, as `1000/minute` or `off`; empty: as the setting says."""

    __tablename__ = "role"

    name: so.Mapped[str] = so.mapped_column(sa.String(60), unique=True)
    description: so.Mapped[str] = so.mapped_column(sa.String(500), default="")
    rights: so.Mapped[list[str]] = so.mapped_column(sa.JSON, default=list)
    grants: so.Mapped[list[dict[str, Any]]] = so.mapped_column(sa.JSON, default=list)
    api_rate: so.Mapped[str] = so.mapped_column(sa.String(30), default="")


MEMBERSHIP = sa.Table(
    "membership",
    db.metadata,
    sa.Column("person_id", sa.ForeignKey("person.id", ondelete="CASCADE"), primary_key=True),
    sa.Column(
        "role_id", sa.ForeignKey("role.id", ondelete="CASCADE"), primary_key=True, index=True
    ),
)
"""Who has which role."""


class Token(db.Model):
    """A key for programs, which acts for a person. `scope` is read, write, design or admin; `tables` the
    ids of those it is for, None: all. Of the key itself only its SHA-256 is here, and its beginning. Since
    `revoked_at` it opens nothing; for a day that can be undone."""

    __tablename__ = "token"

    person_id: so.Mapped[int] = so.mapped_column(
        sa.ForeignKey("person.id", ondelete="CASCADE"), index=True
    )
    name: so.Mapped[str] = so.mapped_column(sa.String(100))
    token_hash: so.Mapped[str] = so.mapped_column(sa.String(64), unique=True)
    begins: so.Mapped[str] = so.mapped_column(sa.String(12))
    scope: so.Mapped[str] = so.mapped_column(sa.String(10), default="read")
    tables: so.Mapped[list[int] | None] = so.mapped_column(sa.JSON(none_as_null=True))
    expires_at: so.Mapped[datetime | None]
    last_used_at: so.Mapped[datetime | None]
    revoked_at: so.Mapped[datetime | None]


class Reply(db.Model):
    """What a request with an idempotency key was answered, for a day: the same again gets the same.
    `asked_hash` is the SHA-256 of the request, so that a key cannot stand for two."""

    __tablename__ = "reply"
    __table_args__ = (sa.UniqueConstraint("person_id", "key_hash"),)

    person_id: so.Mapped[int]
    key_hash: so.Mapped[str] = so.mapped_column(sa.String(64))
    asked_hash: so.Mapped[str] = so.mapped_column(sa.String(64))
    status: so.Mapped[int]
    headers: so.Mapped[dict[str, str]] = so.mapped_column(sa.JSON)
    body: so.Mapped[Any] = so.mapped_column(sa.JSON, nullable=True)


class Event(db.Model):
    """One entry of the audit list: who did what about people, roles and keys. Nothing changes or deletes
    an entry; `about` and `person` are words, which stay when a person is gone."""

    __tablename__ = "event"

    action: so.Mapped[str] = so.mapped_column(sa.String(40))
    about: so.Mapped[str] = so.mapped_column(sa.String(300), default="")
    person_id: so.Mapped[int | None] = so.mapped_column(
        sa.ForeignKey("person.id", ondelete="SET NULL")
    )
    person: so.Mapped[str] = so.mapped_column(sa.String(200), default="")
    address: so.Mapped[str] = so.mapped_column(sa.String(60), default="")
    trip: so.Mapped[str] = so.mapped_column(sa.String(32), default="")


class Tool(db.Model):
    """A tool that was made in the browser: what its tables stand under."""

    __tablename__ = "tool"

    name: so.Mapped[str] = so.mapped_column(sa.String(40), unique=True)
    label: so.Mapped[str] = so.mapped_column(sa.String(200))


class Definition(db.Model):
    """A table: its declaration as one JSON document, as `app.tables.table.Table.document` writes it.

    Its `version` counts the changes of the declaration. `state` is `filling` while an import writes
    rows nobody can see yet, `live`, or `deleted`; `written` where a model of a blueprint declares the
    table, and the document has what was said in the browser. `sql_name` is where its rows are: of a
    live table `<tool>__<name>`, of one that is filling or deleted a name that is out of the way.
    """

    __tablename__ = "definition"
    tool: so.Mapped[str] = so.mapped_column(sa.String(40))
    name: so.Mapped[str] = so.mapped_column(sa.String(40))
    sql_name: so.Mapped[str] = so.mapped_column(sa.String(90), unique=True)
    state: so.Mapped[str] = so.mapped_column(sa.String(10), default="live")
    access: so.Mapped[str] = so.mapped_column(sa.String(10), default="private")
    owner_id: so.Mapped[int | None] = so.mapped_column(
        sa.ForeignKey("person.id", ondelete="SET NULL")
    )
    document: so.Mapped[dict[str, Any]] = so.mapped_column(sa.JSON)
    ended_at: so.Mapped[datetime | None]


class Change(db.Model):
    """One entry of history. `data` has old and new values by field; `record_id` None: the whole table."""

    __tablename__ = "change"
    __table_args__ = (
        sa.Index("ix_change_record", "table_id", "record_id", "id"),
        sa.Index("ix_change_table", "table_id", "id"),
    )

    table_id: so.Mapped[int] = so.mapped_column(sa.ForeignKey("definition.id"))
    record_id: so.Mapped[int | None]
    action: so.Mapped[str] = so.mapped_column(sa.String(10))
    data: so.Mapped[dict[str, Any]] = so.mapped_column(sa.JSON)
    person_id: so.Mapped[int | None] = so.mapped_column(
        sa.ForeignKey("person.id", ondelete="SET NULL")
    )
    person: so.Mapped[str] = so.mapped_column(sa.String(200), default="")
    trip: so.Mapped[str] = so.mapped_column(sa.String(32), default="")
    job_id: so.Mapped[int | None]


COUNTER = sa.Table(
    "counter",
    db.metadata,
    sa.Column("table_id", sa.ForeignKey("definition.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("field_id", sa.String(40), primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)
"""The last number that was given to a record, by field. No model: nobody holds one as an object."""


class Job(db.Model):
    """Work behind a request. `state` is queued, running, done, failed or cancelled; this row is the truth."""

    __tablename__ = "job"

    kind: so.Mapped[str] = so.mapped_column(sa.String(40))
    title: so.Mapped[str] = so.mapped_column(sa.String(300))
    state: so.Mapped[str] = so.mapped_column(sa.String(10), default="queued", index=True)
    person_id: so.Mapped[int | None] = so.mapped_column(
        sa.ForeignKey("person.id", ondelete="SET NULL"), index=True
    )
    arguments: so.Mapped[dict[str, Any]] = so.mapped_column(sa.JSON)
    result: so.Mapped[dict[str, Any] | None] = so.mapped_column(sa.JSON)
    message: so.Mapped[str] = so.mapped_column(sa.String(2_000), default="")
    done: so.Mapped[int] = so.mapped_column(default=0)
    total: so.Mapped[int] = so.mapped_column(default=0)
    attempts: so.Mapped[int] = so.mapped_column(default=0)
    cancel: so.Mapped[bool] = so.mapped_column(default=False)
    started_at: so.Mapped[datetime | None]
    beat_at: so.Mapped[datetime | None]
    ended_at: so.Mapped[datetime | None]
