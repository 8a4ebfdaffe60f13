"""How long an answer an ask wants, where it says so: "in 200 words", "zwei Sätze", "三句话"."""

import math
import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import itemgetter


def _words(entries: str) -> frozenset[str]:
    return frozenset(entries.split())


_END_CHARS = 400
_BEFORE_CHARS = 48
_LONGEST_NUMBER = 7

_UNITS: Mapping[float, str] = {
    1.4: "word words palabra palabras palavra palavras wort wörter wörtern worte worten woerter mot mots parola parole "
    "woord woorden",
    25.0: "sentence sentences frase frases oración oracion oraciones oração orações satz sätze sätzen saetze phrase "
    "phrases frasi zin zinnen",
    20.0: "bullet bullets viñeta viñetas puntos tópicos topicos marcadores stichpunkt stichpunkte stichpunkten "
    "stichworte stichworten aufzählungspunkte aufzählungspunkten puce puces points punti punten opsommingstekens",
    100.0: "paragraph paragraphs párrafo párrafos parrafo parrafos parágrafo parágrafos paragrafo paragrafos absatz "
    "absätze absätzen absaetze paragraphe paragraphes paragrafi alinea alinea's",
    650.0: "page pages página páginas pagina paginas seite seiten pagine pagina's",
}
"""Tokens → how each language names what is so long."""
_YES_OR_NO = (
    "yes or no", "yes/no", "sí o no", "si o no", "sim ou não", "sim ou nao", "ja oder nein", "oui ou non", "sì o no",
    "ja of nee",
)  # fmt: skip
_ENGLISH = ("sentence", "paragraph", "bullet", "word", "page", "yes or no")
"""What an English ask for length holds. Other languages are told by the lack of a "the"."""

_NUMBERS: Mapping[int, str] = {
    1: "one single één",
    2: "two dos dois duas zwei deux due twee couple",
    3: "three few tres três drei trois tre drie",
    4: "four cuatro quatro vier quatre quattro",
    5: "five cinco fünf fuenf cinq cinque vijf",
    6: "six seis sechs sei zes",
    7: "seven siete sete sieben sept sette zeven",
    8: "eight ocho oito acht huit otto",
    9: "nine nueve nove neun neuf negen",
    10: "ten diez dez zehn dix dieci tien",
    20: "twenty veinte vinte zwanzig vingt venti twintig",
    50: "fifty cincuenta cinquenta fünfzig cinquante cinquanta vijftig",
    100: "hundred cien cem hundert cent cento honderd",
}
_NUMBER_OF = {word: number for number, words in _NUMBERS.items() for word in words.split()}
_ARTICLES = _words("a an un una uno um uma ein eine einem einen einer une een")
"""These are numbers only after one of the next: "in a sentence", but not "is there a word for it"."""
_ASKS_FOR = _words(
    "in en em num auf mit with write give escribe escriba redacta escreva écris écrivez rédige schreib schreibe "
    "verfasse schrijf scrivi avec con com met op su me mir moi mij only just nur solo sólo seulement maximal"
)
_GIVEN = _words(
    "this these those the my our your its first last next following attached above each every este esta estos estas "
    "los las mis esses essas os as meus ces les mes cette diese diesen dieser dieses die den der meine questi queste "
    "gli le deze mijn"
)
"""A length after one of these is that of a text that is there already."""
_ADJECTIVES = _words(
    "short long brief concise simple complete full single bullet kurze kurzen kurzer kurzem knappe knappen courte "
    "courtes court courts petites breve breves brevi corta cortas corto cortos curta curtas curto curtos korte"
)
_DIGITS = re.compile(r"(\d{1,3}(?:[.,'’]\d{3})+|\d+)([.,]\d{1,2})?\Z")
_AROUND = "(~≈<≤\"'“„«¿¡:"

_UNSPACED_UNITS: Mapping[str, float] = {
    "文字": 1.2,
    "글자": 1.2,
    "字": 1.2,
    "자": 1.2,
    "单词": 1.4,
    "單詞": 1.4,
    "単語": 1.4,
    "단어": 1.4,
    "句": 25.0,
    "文": 25.0,
    "문장": 25.0,
    "要点": 20.0,
    "要點": 20.0,
    "ポイント": 20.0,
    "箇条書き": 20.0,
    "条": 20.0,
    "條": 20.0,
    "段落": 100.0,
    "段话": 100.0,
    "段話": 100.0,
    "단락": 100.0,
    "문단": 100.0,
    "页": 650.0,
    "頁": 650.0,
    "ページ": 650.0,
    "페이지": 650.0,
}
_UNSPACED_YES_OR_NO = ("是或否", "是或不是", "是还是不是", "はいかいいえ", "예 또는 아니", "네 또는 아니")
_NUMERALS = {
    "一": 1,
    "二": 2,
    "两": 2,
    "兩": 2,
    "三": 3,
    "几": 3,
    "幾": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
}
_TENS = {"十": 10, "百": 100, "千": 1_000, "万": 10_000, "萬": 10_000}
_KOREAN = {"한": 1, "두": 2, "세": 3, "네": 4, "다섯": 5, "여섯": 6, "일곱": 7, "여덟": 8, "아홉": 9, "열": 10}
_NO_LENGTH_AFTER = "第제这這那此"
"""The third clause is no length, nor is this page."""


def _by_initials(words: list[str]) -> str:
    """An alternation that is told to fail by a first letter, four times as fast as by each word."""
    groups = groupby(sorted(words, reverse=True), itemgetter(0))
    return "|".join(f"{initial}(?:{'|'.join(re.escape(word[1:]) for word in group)})" for initial, group in groups)


_TOKENS_OF = {unit: tokens for tokens, units in _UNITS.items() for unit in units.split()}
_TOKENS_OF.update(dict.fromkeys(_YES_OR_NO, 1.4))
_UNIT = re.compile(rf" ({_by_initials(list(_TOKENS_OF))})(?![\w']| ?\d)")
"""A number after a unit makes it a place: "page 4"."""
_SIGNS = "".join((*_NUMERALS, *_TENS))
_KOREAN_STARTS, _KOREAN_ENDS = ("".join({word[index] for word in _KOREAN}) for index in (0, -1))
_UNSPACED = re.compile(
    rf"([\d{_SIGNS}{_KOREAN_STARTS}][\d,{_SIGNS}{_KOREAN_ENDS}]{{0,8}})"
    rf" ?(?:个|個|つの|つ|개의|개)? ?({_by_initials(list(_UNSPACED_UNITS))})(?![典符母段章件款例])"
)
_UNSPACED_INITIALS = sorted({unit[0] for unit in _UNSPACED_UNITS} | {phrase[-1] for phrase in _UNSPACED_YES_OR_NO})


def asked_tokens(ask: str, language: str = "") -> int:
    """How many tokens long an answer is wanted, rounded up; 0 where the ask does not say.

    language  of the ask, ISO 639-1, where it is known
    Looks at the ends of the ask, where instructions stand; of several lengths the longest counts.
    """
    ends = ask if len(ask) <= 2 * _END_CHARS else f"{ask[:_END_CHARS]}\n{ask[-_END_CHARS:]}"
    text = f" {ends}".lower().replace("-", " ")
    longest = 0.0
    is_english = language == "en" or " the " in text
    if not is_english or _may_say_in_english(text):
        longest = max(_spaced_lengths(text), default=0.0)
    if not text.isascii() and _may_say_unspaced(text):
        longest = max(longest, max(_unspaced_lengths(text), default=0.0))
    return math.ceil(round(longest, 3))


def _may_say_in_english(text: str) -> bool:
    for unit in _ENGLISH:
        if unit in text:
            return True
    return "/" in text and "yes/no" in text


def _may_say_unspaced(text: str) -> bool:
    for initial in _UNSPACED_INITIALS:  # noqa: SIM110 - a generator would cost as much as what it looks for
        if initial in text:
            return True
    return False


def _spaced_lengths(text: str) -> Iterator[float]:
    for unit in _UNIT.finditer(text):
        tokens = _TOKENS_OF[unit[1]]
        if " " in unit[1] or "/" in unit[1]:
            yield tokens
        else:
            yield tokens * _number_at_the_end(text[max(0, unit.start() - _BEFORE_CHARS) : unit.start()])


def _number_at_the_end(text: str) -> float:
    """The number that the words before a unit end in; 0 where they do not, or where they speak of a given text."""
    words = text.split()
    if words and words[-1] in _ADJECTIVES:
        words.pop()
    if words and words[-1] == "of":
        words.pop()
    if not words:
        return 0.0
    before = words[-2] if len(words) > 1 else ""
    last = words[-1].lstrip(_AROUND)
    if before in _GIVEN:
        return 0.0
    if last in _ARTICLES:
        return float(before in _ASKS_FOR)
    if last in _NUMBER_OF:
        return float(_NUMBER_OF[last])
    if len(last) == 3 and len(before) == 1 and before.isdecimal():
        last = f"{before}{last}"
    return _number_in_digits(last)


def _number_in_digits(word: str) -> float:
    digits = _DIGITS.search(word)
    if not digits:
        return 0.0
    whole = re.sub(r"\D", "", digits[1])
    return float(f"{whole}.{digits[2][1:] if digits[2] else 0}") if len(whole) <= _LONGEST_NUMBER else 0.0


def _unspaced_lengths(text: str) -> Iterator[float]:
    if any(phrase in text for phrase in _UNSPACED_YES_OR_NO):
        yield 1.4
    for found in _UNSPACED.finditer(text):
        before = text[found.start() - 1]
        is_within_a_word = found[1] in _KOREAN and before.isalpha()
        if before not in _NO_LENGTH_AFTER and not is_within_a_word:
            yield _unspaced_number(found[1]) * _UNSPACED_UNITS[found[2]]


def _unspaced_number(word: str) -> int:
    """A number in digits, Korean words or Chinese numerals: 二百五十 is 250."""
    if word in _KOREAN:
        return _KOREAN[word]
    total = pending = 0
    for char in word.replace(",", ""):
        if ten := _TENS.get(char):
            total += (pending or 1) * ten
            pending = 0
        elif digit := _NUMERALS.get(char):
            pending = pending * 10 + digit
        elif char.isdecimal():
            pending = pending * 10 + int(char)
        else:
            return 0
    number = total + pending
    return number if number < 10**_LONGEST_NUMBER else 0
