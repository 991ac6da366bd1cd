"""The core's own tables on one page: who may come in. Declarations only, no logic."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
import sqlalchemy.orm as so

from app.extensions import db


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
    last_seen_at: so.Mapped[datetime | None]


class Session(db.Model):
    """One sign-in on one device. The cookie holds a token, this row only its SHA-256."""

    __tablename__ = "session"

    token_hash: so.Mapped[str] = so.mapped_column(sa.String(64), unique=True)
    person_id: so.Mapped[int] = so.mapped_column(
        sa.ForeignKey("person.id", ondelete="CASCADE"), index=True
    )
    device: so.Mapped[str] = so.mapped_column(sa.String(200), default="")
    address: so.Mapped[str] = so.mapped_column(sa.String(60), default="")
    last_seen_at: so.Mapped[datetime]
    expires_at: so.Mapped[datetime]


class Link(db.Model):
    """A one-use link: `setup` makes the first administrator, `reset` sets a person's password."""

    __tablename__ = "link"

    purpose: so.Mapped[str] = so.mapped_column(sa.String(20))
    token_hash: so.Mapped[str] = so.mapped_column(sa.String(64), unique=True)
    person_id: so.Mapped[int | None] = so.mapped_column(
        sa.ForeignKey("person.id", ondelete="CASCADE"), index=True
    )
    expires_at: so.Mapped[datetime]
    used_at: so.Mapped[datetime | None]
