"""JSON from outside: what another reader could take differently is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawft.domain import json_text
from clawft.errors import Invalid

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(VALUES, st.booleans())
def test_what_is_fine_is_read_as_it_was_written(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert json_text.read(text.encode()) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b'{"a": 1} x', "not JSON"),
        (b'{"a": 1, "a": 1}', "the member 'a' is there twice"),
        (b'[{"b": {"a": 1, "a": 2}}]', "the member 'a' is there twice"),
        (b"[NaN]", "NaN"),
        (b"[-Infinity]", "-Infinity"),
        (b"[1e999]", "out of range"),
        (b"[9223372036854775808]", "64 bits"),
        (b"[" + b"9" * 100_000 + b"]", "64 bits"),
        (b"[" * 33 + b"]" * 33, "deeper than 32"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "deeper than 32"),
        (b"[" * 200_000, "deeper than 32"),
        (b'["\\ud800"]', "surrogate"),
        (b'{"\\udc00": 1}', "surrogate"),
        (b'["\xed\xa0\x80"]', "UTF-8"),
        (b"\xef\xbb\xbf{}", "not JSON"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(text: bytes, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        json_text.read(text)


def test_bounds_are_inside() -> None:
    assert json_text.read(b"[" * 32 + b"]" * 32)
    assert json_text.read(b"[-9223372036854775808, 9223372036854775807]") == [-(2**63), 2**63 - 1]
    assert json_text.read(b'["\\ud83d\\ude00"]') == ["\U0001f600"]
    assert [type(number) for number in json_text.read(b"[125.0, 1e3, 0.5, 1e300]")] == [
        int,
        int,
        float,
        float,
    ]
    assert json_text.read("[" + ",".join(["[]"] * 100) + "]") == [[]] * 100
