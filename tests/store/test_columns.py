"""Values as columns keep them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from clawft.domain.values import UNSET
from clawft.store.columns import JsonField, MomentField, column, given, moment_text


def test_the_text_of_moments_sorts_as_they_do() -> None:
    whole = datetime(2026, 2, 24, 10, 30, tzinfo=UTC)
    moments = [
        whole - timedelta(microseconds=1),
        whole,
        whole + timedelta(microseconds=10),
        whole + timedelta(1),
    ]
    texts = [moment_text(moment) for moment in moments]
    assert texts == sorted(texts)
    assert {len(text) for text in texts} == {27}
    assert [MomentField().python_value(text) for text in texts] == moments


def test_a_moment_of_another_zone_is_kept_in_utc() -> None:
    there = datetime(2026, 2, 24, 12, 30, tzinfo=timezone(timedelta(hours=2)))
    assert moment_text(there) == "2026-02-24T10:30:00.000000Z"


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        moment_text(datetime(2026, 2, 24))


def test_json_comes_back_as_its_kind() -> None:
    field = JsonField(tuple[str, ...])
    assert field.db_value(("a", "ü")) == '["a","ü"]'
    assert field.python_value('["a","ü"]') == ("a", "ü")
    assert field.python_value(None) is None


def test_an_absent_member_is_null_and_back() -> None:
    assert column(UNSET) is None
    assert given(None) is UNSET
    assert (column(3), given(3)) == (3, 3)
