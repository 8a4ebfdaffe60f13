"""Texts of every kind: what people and broken clients send."""

from hypothesis import strategies as st

_HARD_CHARS = (
    "0123456789²½१２٣.,:=+-*/x$€()[]\"'“”„«»‘’「」 \n\t\x00\x1c_aZßİ你が한\u0301\u200d😀\ud800\udfff\uffff\U0010ffff"
)

ANY_TEXT = st.text(st.characters(exclude_categories=())) | st.text(st.sampled_from(_HARD_CHARS))
"""Lone surrogates among them, which a JSON body may hold."""

BROKEN = {
    "empty": "",
    "spaces": "   ",
    "white space": "\n\t",
    "NUL": "\x00" * 10,
    "emoji": "😀😀🎉",
    "lone surrogates": "\ud800\udfff",
    "1 MB of a letter": "a" * 1_000_000,
    "1 MB of emoji": "😀" * 1_000_000,
    "endless number": "1" * 5_000,
}
"""No request at all."""

ODD = {
    "a lone surrogate in a text": "\ud800 x",
    "one character that folds to eighteen": "\ufdfa" * 4_000,
    "full-width digits": "１２" * 500,
    "combining accents": "a\u0301" * 3_000,
    "flags": "🇫🇷" * 999,
    "zero-width joiners": "👩\u200d💻" * 500,
    "last code points": "\uffff\U0010ffff",
    "1 MB of CJK": "你" * 1_000_000,
    "1 MB of quotes": '"“„«‘「『' * 143_000,
    "1 MB of line ends": "\n" * 1_000_000,
    "right to left": "مرحبا بالعالم",
}
"""Hard to take apart."""
