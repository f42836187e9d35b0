"""What is answered by a rule, exactly, and what is left to a model."""

import pytest

from clawft.domain.transforms import transformed


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (
            'Format this JSON: {"a":1.00,"b":[1,2]}',
            '```json\n{\n  "a": 1.00,\n  "b": [\n    1,\n    2\n  ]\n}\n```',
        ),
        ('minify json:\n```json\n{ "a" : 1 }\n```', '{"a":1}'),
        ("Sort these lines:\npear\napple\nfig", "apple\nfig\npear"),
        ("please sort the lines numerically descending:\n9\n10\n-1", "10\n9\n-1"),
        ("Remove duplicate lines:\na\nb\na", "a\nb"),
        ("Reverse the lines:\na\nb", "b\na"),
        ("Count the words: one two  three", "3 words"),
        ("count lines:\na\n\nb", "3 lines"),
        ("How many characters are in this text: abc", "3 characters"),
        ("how many words: one", "1 word"),
        ("convert to uppercase: straße", "STRASSE"),
        ("convert to snake_case: HTTPServer maxConnections2", "http_server_max_connections_2"),
        ("base64 encode: hello", "aGVsbG8="),
        ("base64 decode: aGVsbG8=", "hello"),
        ("url encode: a b&c", "a%20b%26c"),
        ("sha256 of: abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("convert 5 km to miles", "5 km = 3.106856 mi"),
        ("What is 100 F in celsius?", "100 °F = 37.777778 °C"),
        ("3 GiB in MB", "3 GiB = 3221.225472 MB"),
        ("convert 255 to hex", "0xff"),
        ("convert 0b1010 to decimal", "10"),
    ],
)
def test_a_rule_answers_exactly(request_: str, answer: str) -> None:
    made = transformed(request_)
    assert made is not None
    assert made.text == answer


@pytest.mark.parametrize(
    "request_",
    [
        "",
        "Hello",
        "Format this JSON: {not json",
        "Format this JSON",
        "Sort these lines numerically:\none\ntwo",
        "Sort these lines by how nice they are:\na\nb",
        "Count the words that matter: one two",
        "What do you think of this JSON: {}",
        "convert 5 km to kilograms",
        "convert 5 parsecs to miles",
        "convert my code to python",
        "base64 decode: not base64!",
        "Summarise: sort the lines: b\na",
        "I have 5 apples in boxes, what now?",
    ],
)
def test_what_is_less_certain_is_left_to_a_model(request_: str) -> None:
    assert transformed(request_) is None
