"""Secrets on disk: the bootstrap secret and the providers' keys, each in a file of its own, mode 0600."""

import secrets
from pathlib import Path

import msgspec

from clawft.domain.keys import ProviderKey
from clawft.domain.tokens import RANDOM_BYTES, SECRET_PREFIX, bearer_text
from clawft.drivers import atomic
from clawft.errors import UsageError


def bootstrap_secret(path: Path) -> str:
    """The secret in the file, made if there is no file. Raises ``UsageError`` for a file that holds none.

    A new secret: remove the file and start again.
    """
    kept = atomic.read_secret(path)
    if kept is None:
        secret = bearer_text(SECRET_PREFIX, secrets.token_bytes(RANDOM_BYTES))
        atomic.write(path, secret.encode() + b"\n")
        return secret
    secret = kept.decode("ascii", "replace").strip()
    if len(secret) != len(bearer_text(SECRET_PREFIX, bytes(RANDOM_BYTES))) or not secret.startswith(
        SECRET_PREFIX
    ):
        raise UsageError(
            f"{path} holds no secret of this host; remove it and a new one is made at the next start"
        )
    return secret


class KeyFile:
    """The providers' keys, by provider."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[str, ProviderKey]:
        """Raises ``UsageError`` for a file that is not ours or not whole: a lost key must not go unseen."""
        kept = atomic.read_secret(self._path)
        if kept is None:
            return {}
        try:
            return msgspec.json.decode(kept, type=dict[str, ProviderKey])
        except msgspec.DecodeError as error:
            # The error names a place, never what is there.
            raise UsageError(f"{self._path} cannot be understood ({error}); mend it or remove it") from None

    def save(self, keys: dict[str, ProviderKey]) -> None:
        """Raises OSError, and then the file is as it was."""
        atomic.write(self._path, msgspec.json.format(msgspec.json.encode(keys), indent=2) + b"\n")
