"""Ways to write the same ask again without changing what is asked."""

from collections.abc import Callable, Mapping

_TYPOGRAPHIC = str.maketrans({"'": "’", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "「": '"', "」": '"'})
_PUNCTUATION = str.maketrans("", "", ".,;:!?¿¡。，；：！？、")
_THANKS = {
    "en": " Thank you!",
    "es": " ¡Gracias!",
    "pt": " Obrigado!",
    "de": " Danke!",
    "fr": " Merci !",
    "zh": "谢谢！",
    "ja": "ありがとうございます。",
}

VARIANTS: Mapping[str, Callable[[str, str], str]] = {
    "upper case": lambda ask, language: ask.upper(),
    "lower case": lambda ask, language: ask.lower(),
    "no punctuation": lambda ask, language: ask.translate(_PUNCTUATION),
    "double spaces": lambda ask, language: ask.replace(" ", "  "),
    "line breaks": lambda ask, language: "\n" + ask.replace(". ", ".\n").replace("。", "。\n") + "\n\n",
    "other quotes": lambda ask, language: ask.translate(_TYPOGRAPHIC),
    "trailing thanks": lambda ask, language: f"{ask}{_THANKS[language]}",
}
"""Name → what makes the variant of an ask and its language."""
