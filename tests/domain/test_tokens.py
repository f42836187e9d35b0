"""Who may make which token."""

from datetime import UTC, datetime, timedelta

import pytest

from clawft.domain.tokens import (
    SCOPES,
    TOKEN_PREFIX,
    Caller,
    Minted,
    Origin,
    Token,
    bearer_text,
    digest_of,
    granted,
    least_wanted,
)
from clawft.domain.values import UNSET
from clawft.errors import Forbidden

NOON = datetime(2026, 2, 24, 12, tzinfo=UTC)


def token(n: int, *, origin: Origin = "local", used: int | None = None) -> Token:
    at = NOON + timedelta(minutes=n)
    return Token(
        digest=f"{n:064x}",
        label="",
        scopes=SCOPES,
        origin=origin,
        created_at=at,
        expires_at=at + timedelta(hours=24),
        last_used=None if used is None else NOON + timedelta(minutes=used),
    )


@pytest.mark.parametrize("via", ["local", "secret"])
def test_a_trusted_caller_gives_every_scope_or_fewer(via: str) -> None:
    caller = Caller(via=via)  # type: ignore[arg-type]  # parametrised over two of its words
    assert granted(caller, UNSET) == SCOPES
    assert granted(caller, ("chat", "read", "read")) == ("read", "chat")


@pytest.mark.parametrize("via", ["token", "nobody", "internal"])
def test_anyone_else_without_admin_makes_no_token(via: str) -> None:
    with pytest.raises(Forbidden, match="to make a token"):
        granted(Caller(via=via, scopes=("read", "chat", "operate")), ("read",))  # type: ignore[arg-type]  # likewise


def test_an_admin_token_makes_tokens() -> None:
    assert granted(Caller(via="token", scopes=("admin",)), ("operate",)) == ("operate",)
    assert granted(Caller(via="token", scopes=("admin",)), UNSET) == SCOPES


def test_a_caller_with_few_scopes_gives_no_more_than_it_has() -> None:
    caller = Caller(via="local", scopes=("read",))
    assert granted(caller, UNSET) == ("read",)
    with pytest.raises(Forbidden, match="chat, admin"):
        granted(caller, ("admin", "chat", "read"))


def test_bearer_text_carries_all_the_random_bits_and_needs_no_quoting() -> None:
    text = bearer_text(TOKEN_PREFIX, bytes(range(32)))
    assert text.startswith("clawft_")
    assert len(text) == len("clawft_") + 43
    assert text.replace("-", "").replace("_", "").isalnum()


def test_text_that_is_no_unicode_has_a_digest_too() -> None:
    assert len(digest_of("clawft_\udcff")) == 64


def test_what_is_shown_of_a_token_cannot_be_used() -> None:
    info = token(7, used=9).info()
    assert info.id == token(7).digest[:12]
    assert info.last_used == NOON + timedelta(minutes=9)
    assert "secret" not in repr(Minted(token="clawft_secret"))


def test_tokens_never_used_go_first_and_then_those_unused_for_longest() -> None:
    tokens = [token(1, used=50), token(2, used=40), token(3), token(4), token(0, origin="secret")]
    assert [gone.created_at.minute for gone in least_wanted(tokens, keep=1)] == [3, 4, 2]
    assert least_wanted(tokens, keep=4) == ()
