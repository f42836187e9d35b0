"""What can be asked of the canvas."""

from clawft.domain.canvas import CanvasCommand, CanvasElement, CanvasInteraction
from clawft.domain.values import Ok
from clawft.runtime import Ask


class Draw(Ask[int], frozen=True):
    """Change the canvas. The answer is how many elements are on it then."""

    command: CanvasCommand
    session_key: str = ""


class GetCanvas(Ask[tuple[CanvasElement, ...]], frozen=True):
    """What is on the canvas, in order."""


class Interact(Ask[Ok], frozen=True):
    """A person used an element: the agent that drew it is told, and takes a turn in its session.

    The answer says that the session was sent the message; it does not wait for the turn.
    """

    interaction: CanvasInteraction
