"""Handlers beside the table: they need a token, but no actor answers them alone."""

from collections.abc import Mapping
from typing import Any

from clawft.web.base import Guarded
from clawft.web.problems import MethodNotAllowed
from clawft.web.routes import Access


class Known(Guarded):
    """Lets in whoever holds a token that is good for ``scope``."""

    scope: Access = "read"

    def initialize(self, **given: Any) -> None:
        super().initialize(**given)
        self.path: Mapping[str, str] = given["path"]

    async def prepare(self) -> None:
        self.check_head()
        if self.request.method == "OPTIONS":
            return
        if self.request.method not in self.allowed():
            raise MethodNotAllowed(self.request.method or "", self.allowed())
        self.admit(await self.authenticate(self.bearer()), self.scope)

    def options(self, *_: str) -> None:
        self.set_header("Allow", ", ".join(self.allowed()))
        self.finish(b"{}")


class Document(Known):
    """A JSON text that was made at start-up."""

    def initialize(self, **given: Any) -> None:
        super().initialize(**given)
        self._text: bytes = given["text"]

    def get(self) -> None:
        self.finish(self._text)

    head = get
