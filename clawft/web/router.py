"""Which handler answers which path: a dictionary look-up instead of Tornado's walk through sixty patterns."""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

from tornado.httputil import HTTPServerRequest
from tornado.web import Application, RequestHandler

from clawft.web.form import Form
from clawft.web.handlers import BodyEndpoint, Endpoint, Nothing
from clawft.web.site import Site

Target = tuple[type[RequestHandler], dict[str, Any]]


class Paths:
    """Patterns like ``/api/sessions/:key`` and what each leads to, found by the path's first two segments."""

    def __init__(self) -> None:
        self._exact: dict[str, Any] = {}
        self._patterns: defaultdict[str, list[tuple[re.Pattern[str], Any]]] = defaultdict(list)

    def add(self, path: str, target: Any) -> None:
        if ":" not in path and "*" not in path:
            self._exact[path] = target
            return
        pattern = re.sub(r":(\w+)", r"(?P<\1>[^/]+)", path)
        pattern = re.sub(r"\*(\w+)", r"(?P<\1>.+)", pattern)
        self._patterns[_prefix(path)].append((re.compile(pattern), target))

    def find(self, path: str) -> tuple[Any, dict[str, str]] | None:
        """What the path leads to and what its names stand for; None: nothing."""
        if (target := self._exact.get(path)) is not None:
            return target, {}
        for pattern, target in self._patterns.get(_prefix(path), ()):
            if match := pattern.fullmatch(path):
                return target, match.groupdict()
        return None


class Router(Application):
    """Tornado's application with our paths."""

    def __init__(self, site: Site, forms: Iterable[Form], page: Target, **settings: Any) -> None:
        super().__init__([], **settings)
        self._site = site
        self._page = page
        self._paths = Paths()
        by_path: defaultdict[str, dict[str, Form]] = defaultdict(dict)
        for form in forms:
            by_path[form.route.path][form.route.method] = form
        for path, methods in by_path.items():
            self._paths.add(path, methods)

    def add(self, path: str, kind: type[RequestHandler], **arguments: Any) -> None:
        """A handler that is no route of the table."""
        self._paths.add(path, (kind, arguments))

    def find_handler(self, request: HTTPServerRequest, **_: Any) -> Any:
        kind, arguments = self._target(request)
        return self.get_handler_delegate(request, kind, {"site": self._site, **arguments})

    def _target(self, request: HTTPServerRequest) -> Target:
        found = self._paths.find(request.path)
        if found is None:
            return (Nothing, {}) if _is_ours(request.path) else self._page
        target, raw = found
        try:
            names = {name: _decoded(value) for name, value in raw.items()}
        except UnicodeDecodeError:
            return Nothing, {}
        if isinstance(target, tuple):
            kind, arguments = target
            return kind, {**arguments, "path": names}
        return (BodyEndpoint if _has_body(request) else Endpoint), {"forms": target, "path": names}


def _prefix(path: str) -> str:
    return "/".join(path.split("/", 3)[:3])


def _decoded(segment: str) -> str:
    return unquote_to_bytes(segment).decode("utf-8") if "%" in segment else segment


def _has_body(request: HTTPServerRequest) -> bool:
    headers = request.headers
    return "Transfer-Encoding" in headers or headers.get("Content-Length", "0") != "0"


def _is_ours(path: str) -> bool:
    return not path.startswith("/") or any(_under(path, top) for top in ("/api", "/ws"))


def _under(path: str, top: str) -> bool:
    return path == top or path.startswith(top + "/")
