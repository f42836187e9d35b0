# ruff: noqa: RUF001 - full-width marks end sentences too
"""What is said aloud of an answer: its sentences, without markdown, as soon as each is complete."""

import re

LONGEST = 300
"""Characters after which a text without an end of a sentence is spoken anyway."""

_END = re.compile(r"(?<=[.!?:;。！？])[\"')\]]*\s+|\n{2,}|\n(?=\s*(?:[-*+]|\d+\.)\s)|(?<=[。！？])")
_ABBREVIATION = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|etc|e\.g|i\.e|No|approx)\.|\b\d+\.|\b[A-Z]\.)$")
_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_PLAIN = (
    (re.compile(r"!\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"\[([^\]]+)\]\([^)]*\)"), r"\1"),
    (re.compile(r"<?https?://\S+"), "a link"),
    (re.compile(r"^\s{0,3}#{1,6}\s*", re.MULTILINE), ""),
    (re.compile(r"^\s*(?:[-*+]|>)\s+", re.MULTILINE), ""),
    (re.compile(r"^\s*\|?[\s:|-]{3,}\|?\s*$", re.MULTILINE), ""),
    (re.compile(r"\|"), ", "),
    (re.compile(r"(\*\*|__|~~|\*|`)"), ""),
    (re.compile(r"(?<!\w)_([^_]+)_(?!\w)"), r"\1"),
    (re.compile(r"<[^>]{1,80}>"), ""),
    (re.compile(r"\s+"), " "),
)


def plain(text: str) -> str:
    """A text as it is read aloud. Code is not: it is said that there is some."""
    text = _FENCE.sub(" There is some code; it is in the chat. ", text)
    for pattern, instead in _PLAIN:
        text = pattern.sub(instead, text)
    text = text.strip()
    return text if any(letter.isalnum() for letter in text) else ""


class Sentences:
    """Takes an answer piece by piece and gives its sentences, ready to be spoken."""

    def __init__(self) -> None:
        self._rest = ""

    def add(self, piece: str) -> tuple[str, ...]:
        self._rest += piece
        found = []
        while (cut := self._cut()) is not None:
            found.append(self._rest[:cut])
            self._rest = self._rest[cut:]
        return tuple(text for each in found if (text := plain(each)))

    def end(self) -> tuple[str, ...]:
        """What was left without an end."""
        rest, self._rest = plain(self._rest), ""
        return (rest,) if rest else ()

    def _cut(self) -> int | None:
        if self._rest.count("```") % 2:
            return None  # within code
        for match in _END.finditer(self._rest):
            before = self._rest[: match.start()]
            if before.strip() and not _ABBREVIATION.search(before) and before.count("```") % 2 == 0:
                return match.end()
        if len(self._rest) > LONGEST:
            return self._rest.rfind(" ", 1, LONGEST) + 1 or LONGEST
        return None


def heard_of(sentences: list[tuple[str, float]], seconds: float) -> str:
    """What was heard of sentences, each with how long it takes to say, that were cut off after ``seconds``.

    To the nearest word, by its share of the sentence's letters.
    """
    heard: list[str] = []
    for text, length in sentences:
        if seconds >= length:
            heard.append(text)
            seconds -= length
            continue
        words, budget = text.split(), len(text) * seconds / max(length, 0.01)
        said: list[str] = []
        while words and len(" ".join([*said, words[0]])) <= budget:
            said.append(words.pop(0))
        heard += [" ".join(said)] if said else []
        break
    return " ".join(heard)


def as_interrupted(sentences: list[str], heard: str) -> str:
    """The answer as it is kept: what was heard, and, marked, what was not."""
    whole = " ".join(sentences)
    rest = whole[len(heard) :].strip() if whole.startswith(heard) else whole
    if not rest:
        return whole
    return f"{heard} [interrupted here; not heard: {rest}]".strip()
