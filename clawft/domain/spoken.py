# ruff: noqa: RUF001 - the words are of seven languages
"""Words with which a person steers the conversation itself, in each language."""

import re

from clawft.domain.voice import Language

STOP: dict[Language, frozenset[str]] = {
    "en": frozenset({"stop", "cancel", "stop it", "cancel that", "never mind", "be quiet", "shut up"}),
    "de": frozenset({"stopp", "stop", "halt", "abbrechen", "sei still", "vergiss es"}),
    "fr": frozenset({"stop", "arrête", "annule", "tais-toi", "laisse tomber"}),
    "es": frozenset({"para", "alto", "cancela", "cállate", "olvídalo"}),
    "ja": frozenset({"ストップ", "止めて", "やめて", "キャンセル"}),
    "zh": frozenset({"停", "停止", "取消", "别说了"}),
    "ko": frozenset({"멈춰", "그만", "취소"}),
}

NO = frozenset({"no", "no no", "deny", "refuse", "no thanks", "don't"})

CODE_WORDS = (
    "river",
    "garden",
    "window",
    "orange",
    "summer",
    "mountain",
    "seven",
    "eleven",
    "yellow",
    "morning",
    "october",
    "kitchen",
)
"""Common, two syllables or more, and far from each other: what a small recogniser gets right."""

SORRY: dict[Language, str] = {
    "en": "Sorry, that did not work.",
    "de": "Das hat leider nicht geklappt.",
    "fr": "Désolé, cela n'a pas marché.",
    "es": "Lo siento, no ha funcionado.",
    "ja": "すみません、うまくいきませんでした。",
    "zh": "抱歉，没有成功。",
    "ko": "죄송합니다, 실패했습니다.",
}
"""Said when a turn ends without an answer; why is in the chat."""


def words_of(text: str) -> str:
    """What was said, to be compared: lower case, without punctuation, one space between two words."""
    return " ".join(re.sub(r"[^\w\s'-]", " ", text.lower()).split())


def is_stop(text: str, language: Language) -> bool:
    return words_of(text) in STOP[language] | STOP["en"]
