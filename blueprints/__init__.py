"""Blueprints: one folder or file each, found and registered here. Delete one and it is gone.

A blueprint is a module with a Flask `Blueprint` named `bp`. It may also have
    NAV        lines for the rail, a list of `app.pages.Nav`
    OFFERS     things to begin with, on the home page, a list of `app.pages.Offer`
    init_app   a function that is given the app when the blueprint has been registered
Drop-ins from other folders (setting PLUGIN_DIRS) are imported by the same name, `blueprints.<name>`.
"""

from __future__ import annotations

import importlib
import pkgutil
import traceback
from pathlib import Path
from types import ModuleType

from flask import Flask

BUILT_IN = {"auth", "docs", "equipment", "health", "home", "trips"}


def discover(app: Flask) -> None:
    """Register every blueprint. A broken one is skipped and named on the home page; in tests and debug it raises."""
    app.extensions["blueprints"] = {}
    app.extensions["broken"] = {}
    for folder in app.config["ROUNDTRIP_PLUGIN_DIRS"]:
        if str(folder) not in __path__:
            __path__.append(str(folder))
    for name in sorted(module.name for module in pkgutil.iter_modules(__path__)):
        if name in BUILT_IN or not app.config["ROUNDTRIP_SAFE_MODE"]:
            _register(app, name)


def _register(app: Flask, name: str) -> None:
    try:
        module = importlib.import_module(f"{__name__}.{name}")
        app.register_blueprint(module.bp)
        app.extensions["nav"].extend(getattr(module, "NAV", ()))
        app.extensions["offers"].extend(getattr(module, "OFFERS", ()))
        app.extensions["blueprints"][name] = _folder(module)
        if hasattr(module, "init_app"):
            module.init_app(app)
    except Exception:
        if app.testing or app.debug or name in BUILT_IN:
            raise
        app.extensions["broken"][name] = traceback.format_exc()
        app.logger.error(
            "the blueprint %s is broken and was skipped:\n%s", name, traceback.format_exc()
        )


def _folder(module: ModuleType) -> Path | None:
    """The folder of a package; None for a single file."""
    return Path(module.__file__).parent if module.__file__ and hasattr(module, "__path__") else None
