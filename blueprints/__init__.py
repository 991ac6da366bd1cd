"""Blueprints: one folder or file each, found and registered here. Delete one and it is gone.

A blueprint is a module with a Flask `Blueprint` named `bp`. It may also have
    NAV        lines for the rail, a list of `app.pages.Nav`
    OFFERS     things to begin with, on the home page, a list of `app.pages.Offer`
    init_app   a function that is given the app before the blueprint is registered
Drop-ins from other folders (setting PLUGIN_DIRS) are imported by the same name, `blueprints.<name>`.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import sqlalchemy.orm as so
from flask import Flask

from app.errors import NotFound
from app.extensions import Base
from app.permissions import public

BUILT_IN = {
    "auth", "docs", "equipment", "health", "home", "jobs", "people", "studio", "tools", "trips",
}  # fmt: skip


def discover(app: Flask) -> None:
    """Register every blueprint. A broken one is skipped and named on the home page; in tests and debug it raises."""
    app.extensions["blueprints"] = {}
    app.extensions["broken"] = {}
    folders = [str(Path(__file__).parent), *map(str, app.config["ROUNDTRIP_PLUGIN_DIRS"])]
    __path__.extend(one for one in folders if one not in __path__)
    for name in sorted({module.name for module in pkgutil.iter_modules(folders)}):
        if name in BUILT_IN or not app.config["ROUNDTRIP_SAFE_MODE"]:
            _register(app, name)


def _register(app: Flask, name: str) -> None:
    take_back = _remember(app)
    try:
        module = _imported(f"{__name__}.{name}")
        if hasattr(module, "init_app"):
            module.init_app(app)
        app.register_blueprint(module.bp)
        app.extensions["nav"].extend(getattr(module, "NAV", ()))
        app.extensions["offers"].extend(getattr(module, "OFFERS", ()))
        app.extensions["blueprints"][name] = _folder(module)
    except Exception:
        if app.testing or app.debug or name in BUILT_IN:
            raise
        take_back()
        app.extensions["broken"][name] = traceback.format_exc()
        app.logger.error(
            "the blueprint %s is broken and was skipped:\n%s", name, traceback.format_exc()
        )


def _imported(name: str) -> ModuleType:
    """The module, with its models ready; one that cannot be used leaves no model behind.

    A model that cannot be configured, as with `relationship("Missing")`, would break every query of the app.
    """
    mappers, tables = set(Base.registry.mappers), set(Base.metadata.tables)
    try:
        module = importlib.import_module(name)
        so.configure_mappers()
        return module
    except Exception:
        _forget_models(set(Base.registry.mappers) - mappers)
        for table in set(Base.metadata.tables) - tables:
            Base.metadata.remove(Base.metadata.tables[table])
        for loaded in [one for one in sys.modules if f"{one}.".startswith(f"{name}.")]:
            del sys.modules[loaded]
        raise


def _forget_models(mappers: set[so.Mapper[Any]]) -> None:
    """Undo a mapping. SQLAlchemy has this for a whole registry only; this is what it does there for each class."""
    for mapper in mappers:
        Base.registry._managers.pop(mapper.class_manager, None)
        Base.registry._dispose_manager_and_mapper(mapper.class_manager)


HOOKS = (
    "before_request_funcs",
    "after_request_funcs",
    "teardown_request_funcs",
    "template_context_processors",
    "url_value_preprocessors",
)


def _remember(app: Flask) -> Callable[[], None]:
    """A function that takes back the hooks, WSGI layers and views that were added since."""
    hooks = {kind: list(getattr(app, kind)[None]) for kind in HOOKS}
    views, names, wsgi = set(app.view_functions), set(app.blueprints), app.wsgi_app

    def take_back() -> None:
        app.wsgi_app = wsgi  # type: ignore[method-assign]
        for kind, before in hooks.items():
            getattr(app, kind)[None][:] = before
        for view in set(app.view_functions) - views:
            app.view_functions[view] = _gone
        for name in set(app.blueprints) - names:
            del app.blueprints[name]

    return take_back


@public
def _gone(**_values: Any) -> NoReturn:
    raise NotFound("The blueprint of this page is broken and was left out.")


def _folder(module: ModuleType) -> Path | None:
    """The folder of a package; None for a single file."""
    return Path(module.__file__).parent if module.__file__ and hasattr(module, "__path__") else None
