"""What can go wrong between actors."""

import pykka


class NoSuchActor(LookupError):
    """Nobody lives at that path."""

    def __init__(self, path: str) -> None:
        super().__init__(f"no actor is called {path}")
        self.path = path


class MailboxFull(RuntimeError):
    """The receiver has as much waiting as it takes; try again after ``retry_after`` seconds."""

    def __init__(self, path: str, depth: int, retry_after: float = 1.0) -> None:
        super().__init__(f"{path} has {depth} messages waiting and takes no more now")
        self.path, self.depth, self.retry_after = path, depth, retry_after


class ActorFailed(pykka.ActorDeadError):
    """The receiver failed too often and stays down until it is restarted."""

    def __init__(self, path: str, cause: BaseException | None = None) -> None:
        super().__init__(f"{path} has failed and is down" + (f": {cause!r}" if cause is not None else ""))
        self.path = path


class Unhandled(TypeError):
    """The receiver has no handler for this kind of message."""

    def __init__(self, path: str, message: object) -> None:
        super().__init__(f"{path} does not understand {type(message).__name__}")
        self.path = path
