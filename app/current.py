"""The request at hand, its app and its `g`, for what runs at each request.

`the_request().method` is `request.method`: Flask's names are stand-ins that look the thing up at each
use, which makes a hook that asks for one attribute twice as dear. Everywhere else use Flask's.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Request, current_app, g, request
from flask.ctx import _AppCtxGlobals

the_request: Callable[[], Request] = request._get_current_object  # type: ignore[attr-defined]
the_app: Callable[[], Flask] = current_app._get_current_object  # type: ignore[attr-defined]
the_g: Callable[[], _AppCtxGlobals] = g._get_current_object
