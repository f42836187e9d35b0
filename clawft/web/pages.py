"""Pages: the built dashboard, or the small page that stands in for it."""

import os
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tornado.web import HTTPError, StaticFileHandler

from clawft.web.base import Guarded
from clawft.web.problems import MethodNotAllowed

BUILT_IN = Path(__file__).parent / "static"
"""Served when no dashboard was given."""

_INDEX = "index.html"
_ASSETS = "assets/"
_FOREVER = 365 * 24 * 3600


class Page(Guarded, StaticFileHandler):
    """A file of the dashboard; any other path outside /api and /ws is a page of it and gets ``index.html``.

    A missing file under ``/assets`` stays missing: a script must not turn out to be HTML.
    """

    is_page = True

    def initialize(self, **given: Any) -> None:  # type: ignore[override]  # Tornado calls it with our own arguments
        Guarded.initialize(self, **given)
        StaticFileHandler.initialize(self, given["root"])
        self._notice: str = given["notice"]

    def prepare(self) -> None:
        self.check_head()
        if self.request.method not in self.allowed():
            raise MethodNotAllowed(self.request.method or "", self.allowed())

    async def get(self, path: str = "", include_body: bool = True) -> None:
        wanted = self._wanted()
        if self._notice and wanted == _INDEX and self.root == str(BUILT_IN):
            self._tell(include_body)
            return
        await StaticFileHandler.get(self, wanted, include_body=include_body)

    def _tell(self, include_body: bool) -> None:
        """Our own page, with what its readers must know."""
        page = (BUILT_IN / _INDEX).read_text()
        told = f'<main>\n<p class="notice" role="alert">{escape(self._notice)}</p>'
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", "no-cache")
        self.write(page.replace("<main>", told, 1) if include_body else b"")

    async def head(self, path: str = "") -> None:
        await self.get(include_body=False)

    def options(self, *_: str) -> None:
        self.set_header("Allow", ", ".join(self.allowed()))
        self.finish(b"{}")

    def set_extra_headers(self, path: str) -> None:
        # A built asset carries the digest of its content in its name; a page may change with each build.
        lasting = f"public, max-age={_FOREVER}, immutable"
        self.set_header("Cache-Control", lasting if path.startswith(_ASSETS) else "no-cache")

    def compute_etag(self) -> str | None:
        if getattr(self, "absolute_path", None) is None:
            return None
        return StaticFileHandler.compute_etag(self)

    def _wanted(self) -> str:
        path = unquote(self.request.path, errors="replace").lstrip("/")
        if "\0" in path:
            raise HTTPError(404)
        if path.startswith(_ASSETS) or self._is_file(path):
            return path
        return _INDEX

    def _is_file(self, path: str) -> bool:
        # Whether the path leaves the folder is judged by Tornado, before and after links are followed.
        return bool(path) and os.path.isfile(self.get_absolute_path(self.root, path))
