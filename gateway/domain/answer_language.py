"""Whether an answer is in a language that nobody asked for."""

from typing import Final

from gateway.domain.code import has_code
from gateway.domain.language import UNKNOWN, language_of

_SHORTEST_CHARS: Final = 80
_SHORTEST_WIDE_CHARS: Final = 25
"""What is shorter may be names, labels or a quotation."""
_WIDE: Final = frozenset(("zh", "ja", "ko"))
_VIEW_CHARS: Final = 4_000
_PART_CHARS: Final = 400
_NEIGHBOURS: Final = (frozenset(("ru", "uk")), frozenset(("ar", "fa")), frozenset(("zh", "ja")))
"""Which a short text may not tell apart."""

_NAMES: Final = (
    "english englisch inglés ingles inglês anglais inglese engels angielsk engelsk 英语 英文 英語 영어 английск|"
    "spanish spanisch español espanhol espagnol spagnolo spaans castellano 西班牙语 西班牙文 スペイン語 스페인어|"
    "portuguese portugiesisch portugués português portugais portoghese portugees 葡萄牙语 ポルトガル語 포르투갈어|"
    "german deutsch alemán alemão allemand tedesc duits 德语 德文 ドイツ語 독일어|"
    "french französisch francés francês français francese frans 法语 法文 フランス語 프랑스어|"
    "italian italienisch italien 意大利语 イタリア語 이탈리아어|"
    "dutch niederländisch neerland néerland oland nederlands 荷兰语|"
    "chinese chinesisch chino chinês chinois cinese chinees mandarin 中文 汉语 漢語 中国語 중국어|"
    "japanese japanisch japonés japonês japonais giapponese japans 日语 日文 日本語 일본어|"
    "korean koreanisch coreano coréen koreaans 韩语 韓文 韓国語 한국어|"
    "russian russisch ruso russo russe русск|polish polnisch polaco polonês polonais polacco pools polsk|"
    "swedish schwedisch sueco suédois svedese zweeds svensk|turkish türkisch turco turc türkçe|arabic "
    "arabisch árabe arabe|"
    "hindi|vietnamese tiếng việt|indonesia|ukrain|greek griechisch griego|hebrew hebrä"
)
_TRANSLATIONS: Final = (
    "translat traduc traduz tradu übersetz uebersetz vertal vertaal 翻译 翻譯 翻訳 訳し 번역 "
    "перевед перевод överså tłumac çevir "
    "multilingual bilingual localiz localis language sprache idioma langue lingua 语言 言語 언어"
)
_MENTIONS: Final = tuple(_NAMES.replace("|", " ").split() + _TRANSLATIONS.split())
"""A text that holds one of these may ask for another language than its own."""


def is_in_another_language(answer: str, ask: str, asked_in: str, instructions: str) -> bool:
    """Whether a whole answer is in one language, and neither the ask nor anything in it is.

    asked_in      the language of the ask as it was measured; nothing is said where it is not known
    instructions  what the system says, which may ask for a language
    """
    if asked_in == UNKNOWN:
        return False
    found = language_of(answer)
    if found in {asked_in, UNKNOWN} or len(answer.strip()) < (
        _SHORTEST_WIDE_CHARS if found in _WIDE else _SHORTEST_CHARS
    ):
        return False
    if any(asked_in in pair and found in pair for pair in _NEIGHBOURS) or has_code(answer[:_VIEW_CHARS]):
        return False
    if language_of(answer[-_PART_CHARS:]) != found:
        return False
    return not _holds(ask, found) and not _mentions_languages(ask) and not _mentions_languages(instructions)


def _holds(ask: str, language: str) -> bool:
    """Whether a part of an ask is in a language: what is to be summarised or answered may be."""
    starts = {0, max(0, len(ask) // 2 - _PART_CHARS // 2), max(0, len(ask) - _PART_CHARS)}
    if any(language_of(ask[start : start + _PART_CHARS]) == language for start in starts):
        return True
    lines = ask[:_VIEW_CHARS].split("\n")
    return any(language_of(line) == language for line in lines[:20])


def _mentions_languages(text: str) -> bool:
    view = text if len(text) <= _VIEW_CHARS else f"{text[: _VIEW_CHARS // 2]}\n{text[-_VIEW_CHARS // 2 :]}"
    lowered = view.lower()
    return any(mention in lowered for mention in _MENTIONS)
