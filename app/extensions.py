"""The Flask extensions, each made once and bound in `init_app`.

Several of them register hooks of their own when they are bound. Here they may not: `app/hooks.py`
calls what they do by name, so that the list there is the order in which things happen.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
import sqlalchemy.orm as so
from flask import Flask
from flask_compress import Compress
from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect


def utcnow() -> datetime:
    """Now, in UTC, with its time zone."""
    return datetime.now(UTC)


class UTCDateTime(sa.types.TypeDecorator[datetime]):
    """A moment, always with time zone UTC; SQLite stores it without and gets it back here."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """To the database: in UTC. A moment without a time zone is refused."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """From the database: in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(so.DeclarativeBase):
    """What every model has: an id that is never used again, a version, when it was made and changed.

    The version is SQLAlchemy's: saving a record that somebody else has saved in between raises
    StaleDataError. A model of a blueprint is stored as `<module>__<class>`, in lower case.
    """

    registry = so.registry(
        metadata=sa.MetaData(naming_convention=NAMES), type_annotation_map={datetime: UTCDateTime}
    )

    id: so.Mapped[int] = so.mapped_column(primary_key=True, sort_order=-4)
    version: so.Mapped[int] = so.mapped_column(default=1, sort_order=90)
    created_at: so.Mapped[datetime] = so.mapped_column(default=utcnow, sort_order=91)
    updated_at: so.Mapped[datetime] = so.mapped_column(
        default=utcnow, onupdate=utcnow, sort_order=92
    )

    @so.declared_attr.directive
    def __tablename__(cls) -> str:
        module = cls.__module__.removeprefix("blueprints.").partition(".")[0]
        return f"{module}__{cls.__name__.lower()}"

    @so.declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.version}

    @classmethod
    def __table_cls__(cls, *args: Any, **options: Any) -> sa.Table:
        return sa.Table(*args, sqlite_autoincrement=True, **options)


db = SQLAlchemy(
    model_class=Base, session_options={"expire_on_commit": False}, disable_autonaming=True
)
login = LoginManager()
csrf = CSRFProtect()
compress = Compress()


class _WithoutHooks:
    """An app as an extension sees it while it is bound: everything works, except registering hooks."""

    def __init__(self, app: Flask) -> None:
        object.__setattr__(self, "_app", app)

    def __getattr__(self, name: str) -> Any:
        if name in {"before_request", "after_request", "teardown_request"}:
            return lambda function: function
        return getattr(self._app, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._app, name, value)


def init_app(app: Flask) -> None:
    """Bind the extensions to the app."""
    quiet: Any = _WithoutHooks(app)
    app.config.setdefault("WTF_CSRF_TIME_LIMIT", None)  # as long as the session
    app.config.setdefault("COMPRESS_EVALUATE_CONDITIONAL_REQUEST", False)  # hooks.conditional does
    db.init_app(app)
    login.init_app(quiet, add_context_processor=False)
    login.session_protection = None  # sessions are rows; see hooks.person
    csrf.init_app(quiet)
    compress.init_app(quiet)
    if "flask_migrate" in sys.modules:  # the `flask` command loads it; a server need not
        from flask_migrate import Migrate

        Migrate(app, db, directory="app/migrations", render_as_batch=True)
