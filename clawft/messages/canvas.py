"""What can be asked of the canvas."""

from clawft.domain.canvas import CanvasCommand, CanvasElement, CanvasInteraction
from clawft.runtime import Ask, Tell


class Draw(Ask[int], frozen=True):
    """Change the canvas. The answer is how many elements are on it then."""

    command: CanvasCommand
    session_key: str = ""


class GetCanvas(Ask[tuple[CanvasElement, ...]], frozen=True):
    """What is on the canvas, in order."""


class Interact(Tell, frozen=True):
    """A person used an element: the agent that drew it is told."""

    interaction: CanvasInteraction
