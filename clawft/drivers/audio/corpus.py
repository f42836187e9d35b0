"""What is said in training: the phrase's near misses, and running speech that has nothing to do with it."""

import re
from collections.abc import Iterator

from numpy.random import Generator

from clawft.drivers.audio.speakers import pronounce

ACCENTS = ("en-us", "en-gb")
"""In which a near miss must sound unlike the phrase itself."""
MOST = 300
"""Near misses of one phrase; more would sound alike."""


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


ONSETS = _split("b,d,f,g,h,j,k,l,m,n,p,r,s,t,v,w,y,z,ch,sh,th,st,tr,br,fl,gr,pl")
CODAS = _split("b,d,f,g,k,l,m,n,p,s,t,v,z,ck,st,nd,nt,ft,sh,ng")

OPENINGS = _split("hey, okay, hello, well, so, yes, no, now, please, listen, look")
"""Many phrases begin with one of these, and many sentences too."""
PEOPLE = _split(
    "Anna, Peter, Martha, Kevin, Sofia, Oscar, Julia, Wesley, Fred, Nora, Hector, Becky, Marvin, Jeff, Ruth"
)
PLACES = _split(
    """kitchen, garden, office, station, market, library, harbour, valley, village, museum, bakery, garage,
    attic, cellar, playground, hospital, bridge, theatre, factory, airport"""
)
THINGS = _split(
    """kettle, ladder, letter, blanket, basket, candle, mirror, window, engine, bucket, hammer, ticket,
    pocket, jacket, bottle, camera, radio, bicycle, violin, table, carpet, lantern, puzzle, parcel, kite,
    anchor, shovel, barrel, helmet, pillow, wallet, feather, magnet, pencil, saddle, tunnel, whistle, zipper,
    yoghurt, onion, cheese, pepper"""
)
QUALITIES = _split(
    """heavy, empty, narrow, golden, broken, quiet, yellow, strange, clever, gentle, hollow, modern, rusty,
    sleepy, bitter, square, thirsty, useful, vivid, wooden, young, proud, left, west, next, best, loud"""
)
DEEDS = _split(
    """carried, painted, borrowed, noticed, repaired, measured, followed, wrapped, lifted, sold, washed,
    found, cleaned, watched, forgot, lost, opened, dropped, chose, drew, heard, kept, left, sent"""
)
TIMES = _split(
    """yesterday, tomorrow, tonight, on Friday, at seven, last winter, before lunch, after the storm,
    every evening, in March, next week, at half past nine, during the holidays"""
)
NUMBERS = _split("two, three, five, six, eight, eleven, twelve, nineteen, thirty, forty, seventy, a hundred")
SENTENCES = [
    "{person} {deed} the {quality} {thing} {time}",
    "the {thing} in the {place} is {quality} and rather {quality}",
    "there were {number} {thing}s and only {number} {thing}s in the {place}",
    "{opening} {person}, where did you put the {quality} {thing}",
    "could you bring the {thing} to the {place} {time}",
    "I think {person} {deed} it because the {thing} was {quality}",
    "nobody in the {place} {deed} a {thing}, not even {person}",
    "turn the {thing} off and leave the {place} {time}",
    "what does a {quality} {thing} cost, {number} or {number}",
    "{time} the {place} was full of {thing}s, and we went home",
    "{opening}, the weather near the {place} changes {time}",
    "if it rains {time} they will meet at the {place} instead",
    "{person} and {person} never agreed about the {thing}",
    "she wrote that her {thing} was {quality}, which made {person} laugh",
    "please remind me {time} to look for the {thing}",
    "our train stopped {number} times between the {place} and the {place}",
    "he asked whether the {thing} they {deed} was worth {number} pounds",
    "{opening} everyone, dinner is ready in the {place}",
    "it took {number} days until the {quality} {thing} arrived",
    "you should have heard what {person} said about that {thing}",
    "{thing}, {thing}, {quality} {thing} and a {thing} for {person}",
    "why is the {quality} one always left behind in the {place}",
]
"""Everyday sentences with room for words; together they say many sounds in many neighbourhoods."""
WORDS = {
    "person": PEOPLE,
    "place": PLACES,
    "thing": THINGS,
    "quality": QUALITIES,
    "deed": DEEDS,
    "time": TIMES,
    "number": NUMBERS,
    "opening": OPENINGS,
}


def sentence(random: Generator) -> str:
    """One of a few million."""
    return re.sub(r"\{(\w+)\}", lambda slot: _one(WORDS[slot[1]], random), _one(SENTENCES, random))


def paragraph(random: Generator) -> str:
    """Half a minute of talk."""
    return ". ".join(sentence(random) for _ in range(8)) + "."


def fragment(random: Generator) -> str:
    """A few words of a sentence, as one hears them when nobody speaks before and after."""
    words = sentence(random).split()
    begin = int(random.integers(len(words)))
    return " ".join(words[begin : begin + int(random.integers(1, 6))])


def contains(text: str, phrase: str) -> bool:
    """Whether the phrase is said in it, as whole words, whatever stands between them."""
    said, wanted = (" ".join(re.findall(r"[^\W_]+", words.lower())) for words in (text, phrase))
    return f" {wanted} " in f" {said} "


def near_misses(phrase: str) -> tuple[str, ...]:
    """What could be taken for the phrase and is not: parts of it, rhymes, slips. Raises ``EngineFailed``.

    Spelling is a poor guide to sound, so those that are pronounced like the phrase are left out.
    """
    found = tuple(dict.fromkeys(text for text in _candidates(phrase.split()) if text != phrase))
    for accent in ACCENTS:
        target, *spoken = pronounce((phrase, *found), accent)
        found = tuple(text for text, sounds in zip(found, spoken, strict=True) if sounds != target)
    return _spread(found, MOST)


def _candidates(words: list[str]) -> Iterator[str]:
    yield from _parts(words)
    yield from _with_other_openings(words)
    # Slips of the longest word alone, not of its vowel: nobody says "key weft" or "hey waft", and to learn
    # that they are not "hey weft" takes away what another accent makes of it.
    longest = max(range(len(words)), key=lambda at: len(words[at]))
    for at, word in enumerate(words):
        for other in (*(_slips(word) if at == longest else ()), *_other_words()):
            yield " ".join([*words[:at], other, *words[at + 1 :]])


def _parts(words: list[str]) -> Iterator[str]:
    """Single words, all words but one, the other way round, cut off."""
    yield from words
    for at in range(len(words)):
        if rest := words[:at] + words[at + 1 :]:
            yield " ".join(rest)
    yield " ".join(reversed(words))
    for cut in (2, 3):  # one letter short is, in noise, what the whole phrase sounds like
        yield " ".join(words)[:-cut].strip()
        yield " ".join(words)[cut:].strip()


def _with_other_openings(words: list[str]) -> Iterator[str]:
    for opening in OPENINGS:
        if opening != words[0]:
            yield " ".join([opening, *words[1:]])


def _slips(word: str) -> Iterator[str]:
    """The word with another begin, a rhyme, or with another end."""
    parts = re.fullmatch(r"([^aeiouy]*)(.+?)([^aeiouy]*)", word)
    if parts is None:
        return
    onset, middle, coda = parts.groups()
    yield from (other + middle + coda for other in ONSETS)
    if coda or len(middle) > 1:
        # "wef" is what noise leaves of "weft".
        yield from (onset + middle + other for other in CODAS if not coda.startswith(other))


def _other_words() -> Iterator[str]:
    yield from (*PEOPLE[:8], *QUALITIES[-8:], *THINGS[:8], *PLACES[:4])


def _spread(texts: tuple[str, ...], most: int) -> tuple[str, ...]:
    """At most so many, taken from all over."""
    step = max(1.0, len(texts) / most)
    return tuple(texts[int(at * step)] for at in range(int(len(texts) / step)))


def _one(among: list[str], random: Generator) -> str:
    return among[int(random.integers(len(among)))]
