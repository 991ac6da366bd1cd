"""Stage 7: templates as a tree. Each `extends`, `include` and `import` is a span of its own.

Jinja renders a template by running its `root_render_func`, and nested ones inside it; here that
generator gets a clock round it. SQL that a template causes appears inside the template.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from flask.templating import Environment
from jinja2 import Template
from jinja2.runtime import Context

from app.trips import CURRENT

Render = Callable[[Context], Iterator[str]]


class RecordingTemplate(Template):
    """A template that notes when it is rendered."""

    @property
    def root_render_func(self) -> Render:
        """What Jinja calls to render; see its documentation of `Template`."""
        return self._recorded

    @root_render_func.setter
    def root_render_func(self, render: Render) -> None:
        def recorded(context: Context) -> Iterator[str]:
            trip = CURRENT.get()
            if trip is None:
                yield from render(context)
                return
            span = trip.open("template", self.name or "<text>")
            try:
                yield from render(context)
            finally:
                trip.close(span)

        self._recorded = recorded


class RecordingEnvironment(Environment):
    """Flask's Jinja environment; a first use shows the time that compiling took."""

    template_class = RecordingTemplate

    def compile(self, source: Any, name: str | None = None, *args: Any, **options: Any) -> Any:
        """Compile a template, as Jinja does once a process."""
        trip = CURRENT.get()
        if trip is None:
            return super().compile(source, name, *args, **options)
        span = trip.open("template", f"compile {name or '<text>'}")
        try:
            return super().compile(source, name, *args, **options)
        finally:
            trip.close(span)
