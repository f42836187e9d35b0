"""What a model is, whoever runs it."""

from collections.abc import AsyncGenerator
from typing import Protocol

from clawft.domain.models import ModelEvent, ModelRequest


class Model(Protocol):
    """Answers requests, a piece at a time.

    ``stream`` yields any number of ``TextDelta``, at most one ``ToolCalls``, and then one ``Finished``. It
    raises ``ModelFailed``, in words for the person who asked, when there is no answer or it breaks off. It is
    run on the event loop and must not block it; closing the generator or cancelling its reader ends the call.
    """

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]: ...
