"""An actor that stands in for one that others tell or ask: it keeps what it was sent."""

from typing import Any, TypeVar

from clawft.runtime import Actor

M = TypeVar("M")


class Recorder(Actor):
    """Keeps every message in ``heard`` and answers an ask with what ``answers`` holds for its type."""

    def __init__(self, heard: list[Any], answers: dict[type, Any] | None = None) -> None:
        super().__init__()
        self._heard = heard
        self._answers = answers or {}

    def on_receive(self, message: Any) -> Any:
        self._heard.append(message)
        answer = self._answers.get(type(message))
        if isinstance(answer, Exception):
            raise answer
        return answer


def of_kind(heard: list[Any], kind: type[M]) -> list[M]:
    return [message for message in heard if isinstance(message, kind)]
