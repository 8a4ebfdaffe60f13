"""Whether a text holds what identifies a person: an e-mail address, a phone, card, account or national number.

Numbers count where their check digits fit and they are written as people write them; a bare number whose check is weak
counts where the word for it stands shortly before. Every search is linear and behind a test most texts fail at memory
speed; what a search finds is a candidate, and each is checked once.
"""

import re
from collections.abc import Callable
from typing import Final

import re2  # type: ignore[import-untyped]  # it has neither stubs nor hints
from stdnum import luhn
from stdnum.au import tfn
from stdnum.be import nn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.ch import ssn as ahv
from stdnum.cn import ric
from stdnum.de import idnr
from stdnum.dk import cpr
from stdnum.es import dni, nie
from stdnum.exceptions import ValidationError
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.in_ import aadhaar
from stdnum.it import codicefiscale
from stdnum.jp import in_ as my_number
from stdnum.kr import rrn
from stdnum.mx import curp
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.pl import pesel
from stdnum.pt import nif
from stdnum.se import personnummer
from stdnum.us import ssn

Check = Callable[[str], bool]

_EMAIL: Final = re.compile(r"@(?<=[\w.+-]@)[\w-]{1,63}\.[a-zA-Z]{2}")

_ZEROS: Final = (
    "\u0660\u06f0\u07c0\u0966\u09e6\u0a66\u0ae6\u0b66\u0be6\u0c66\u0ce6\u0d66\u0de6\u0e50\u0ed0\u0f20"
    "\u1040\u1090\u17e0\u1810\u1946\u19d0\u1a80\u1a90\u1b50\u1bb0\u1c40\u1c50\ua620\ua8d0\ua900\ua9d0"
    "\ua9f0\uaa50\uabf0\uff10"
)
"""The zero of each script that has digits of its own; its nine follow it."""
_FOREIGN_DIGIT: Final = re.compile("[{}]".format("".join(f"{zero}-{chr(ord(zero) + 9)}" for zero in _ZEROS)))
_ASCII_DIGITS: Final = {ord(zero) + value: str(value) for zero in _ZEROS for value in range(10)}
_SEPARATORS: Final = (
    *((space, " ") for space in "\u00a0\u2007\u2009\u202f\u3000"),
    *((dash, "-") for dash in "\u2010\u2011\u2012\u2013\u2014\u2212\uff0d"),
    ("\uff0b", "+"),
)

_SHAPE: Final = bytes(
    ord("0") if chr(byte).isdecimal() else ord("A") if byte < 128 and chr(byte).isalpha() else ord(".")
    for byte in range(256)
)
"""Each byte as what it is to a number: a digit, a letter or neither."""
_BETWEEN_DIGITS: Final = b" -./()+" + bytes(range(0x80, 0x100))
_SIX_DIGITS: Final = b"000000"
_ACCOUNT_START: Final = re.compile(rb"AA00")

_IBAN_LENGTHS: Final = {
    country: int(length)
    for country, length in re.findall(
        r"([A-Z]{2})(\d\d)",
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 "
        "EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 "
        "KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 "
        "PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 "
        "UA29 VA22 VG24 XK20 YE30 ",
    )
}
"""Of each country's, by ISO 13616."""
_IBAN: Final = re.compile(r"(?<!\w)(?=([A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?)\b)", re.ASCII)

_BARE: Final = re.compile(r"(?<!\d[.-])\b\d{11,19}\b(?![.-]\d)", re.ASCII)
_CARD: Final = re.compile(
    r"4\d{15}(?:\d{3})?|(?:5\d|2[2-7])\d{14}|6[02-57]\d{14,17}|3[47]\d{13}|3[0689]\d{12}|35\d{14}"
)
"""What the networks issue, by their first digits; others of these lengths are mostly times in milliseconds."""
_PESEL_BORN: Final = re.compile(
    r"(?!20[23])(?:[2-9]\d(?:0[1-9]|1[0-2])|[0-2]\d(?:2[1-9]|3[0-2]))(?:0[1-9]|[12]\d|3[01])"
)
"""Born in 1920 to 2029; what begins like a date of this century is an order number."""
_NORWEGIAN_BORN: Final = re.compile(r"[0-7]\d(?:[048][1-9]|[159][0-2])")
_BELGIAN_BORN: Final = re.compile(r"\d\d(?:0\d|1[0-2])(?:[0-2]\d|3[01])")
_NINO: Final = re.compile(r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]")
_CHINESE_MOBILE: Final = re.compile(r"1[3-9]\d{9}")
_GAP: Final = re.compile("[ -]")
_FOURS: Final = re.compile(rb"(?<!\d)(?:\d{4}[ -]){2,3}\d{4}\Z")
_UUID_BEFORE: Final = re.compile(rb"[0-9a-f]{4}-", re.IGNORECASE)
_FOUR_MORE: Final = re.compile(rb"[ -]\d{4}(?!\d)")
_THOUSANDS: Final = re.compile(rb"\+\d{1,3}(?:\.\d{3})+")
_ANNOUNCED: Final = re.compile(r"(?<!\d)(?=(\d(?:[ ./-]?\d){7,13})(?!\d))", re.ASCII)

_ANNOUNCED_CHARS: Final = 40
_ANNOUNCED_BYTES: Final = 64
"""A telling word's number begins within so many characters of it and ends within so many bytes."""


def has_identifier(text: str) -> bool:
    """True where the text holds personal data that can be told by their form."""
    if "@" in text and _EMAIL.search(text):
        return True
    if not _may_hold_a_number(text):
        return False
    text = _with_ascii_numbers(text)
    data = text.encode("utf-8", "surrogatepass")
    if _ANY_NUMBER.search(data) is None:
        return False
    return (
        _holds(_PHONE, data, _is_phone)
        or _holds(_FORMATTED, data, _is_formatted)
        or _holds(_IN_FOURS, data, _is_in_fours)
        or any(map(_is_bare, set(_BARE.findall(text))))
        or any(map(_is_iban, set(_IBAN.findall(text))))
        or _holds(_WORD, data, _announces)
    )


def _may_hold_a_number(text: str) -> bool:
    """False where no number that could be anyone's is in the text."""
    for digit in "0123456789":
        if digit in text:
            shape = text.encode("utf-8", "surrogatepass").translate(_SHAPE, _BETWEEN_DIGITS)
            if _SIX_DIGITS in shape or _ACCOUNT_START.search(shape):
                return True
            break
    return not text.isascii() and _FOREIGN_DIGIT.search(text) is not None


def _with_ascii_numbers(text: str) -> str:
    if text.isascii():
        return text
    for char, plain in _SEPARATORS:
        if char in text:
            text = text.replace(char, plain)
    return text.translate(_ASCII_DIGITS) if _FOREIGN_DIGIT.search(text) else text


def _holds(pattern: re2._Regexp, data: bytes, is_one: Callable[[bytes, int, int], bool]) -> bool:
    """True where one of a pattern's matches is one; they may overlap, lest a number hide what begins within it."""
    seen: set[bytes] = set()
    match = pattern.search(data)
    while match is not None:
        start, end = match.span()
        context = data[max(start - 2, 0) : end + _ANNOUNCED_BYTES if pattern is _WORD else end + 2]
        if context not in seen and is_one(data, start, end):
            return True
        seen.add(context)
        match = pattern.search(data, start + 1)
    return False


def _is_phone(data: bytes, start: int, end: int) -> bool:
    if data[start : start + 1] != b"+":
        return _stands_alone(data, start, end)
    return not data[max(start - 1, 0) : start].isalnum() and not _THOUSANDS.fullmatch(data, start, end)


def _is_formatted(data: bytes, start: int, end: int) -> bool:
    number = data[start:end].decode().upper()
    return _stands_alone(data, start, end) and any(is_valid(number) for is_valid in _FORMATS[_shape_of(number)])


def _is_in_fours(data: bytes, start: int, end: int) -> bool:
    """The match holds what precedes the number too: not four digits, which would make the number a row of a table's."""
    written = _FOURS.search(data[start:end])
    if written is None or _FOUR_MORE.match(data, end) or _UUID_BEFORE.fullmatch(data, max(start - 4, 0), start + 1):
        return False
    number = _GAP.sub("", written[0].decode())
    return _is_card(number) if len(number) == 16 else my_number.is_valid(number) or aadhaar.is_valid(number)


def _stands_alone(data: bytes, start: int, end: int) -> bool:
    """False where a number is a part of a longer one."""
    before, after = data[max(start - 2, 0) : start], data[end : end + 2]
    between = b".-/ " if b" " in data[start:end] else b".-/"
    return not (before[:1].isdigit() and before[1:] in between) and not (after[1:].isdigit() and after[:1] in between)


def _shape_of(number: str) -> str:
    return re.sub(r"[A-Z]", "A", re.sub(r"\d", "0", number))


def _is_bare(number: str) -> bool:
    """What stands alone without separators, by its length: one in a hundred at most of the numbers that have it."""
    if len(number) == 11:
        return (
            (_PESEL_BORN.match(number) is not None and pesel.is_valid(number))
            or (_NORWEGIAN_BORN.match(number) is not None and fodselsnummer.is_valid(number))
            or (_BELGIAN_BORN.match(number) is not None and nn.is_valid(number))
            or (len(set(number[:10])) in {8, 9} and idnr.is_valid(number))
        )
    if len(number) == 13 and number.startswith("756"):
        return ahv.is_valid(number)
    if len(number) == 15 and number[0] in "12" and nir.is_valid(number):
        return True
    return _is_card(number) or (len(number) == 18 and _is_chinese_resident(number))


def _is_card(number: str) -> bool:
    return _CARD.fullmatch(number) is not None and luhn.is_valid(number)


def _is_written_card(number: str) -> bool:
    return _is_card(_GAP.sub("", number))


def _is_chinese_resident(number: str) -> bool:
    """Without the look-up of the place, which would read a file."""
    if ric.calc_check_digit(number) != number[-1]:
        return False
    try:
        return 1880 <= ric.get_birth_date(number).year < 2100
    except ValidationError:
        return False


def _is_chinese_mobile(number: str) -> bool:
    return _CHINESE_MOBILE.fullmatch(number) is not None


def _is_dni(number: str) -> bool:
    return dni.is_valid(number.replace(".", ""))


def _is_nie(number: str) -> bool:
    return number[0] in "XYZ" and nie.is_valid(number)


def _is_checked_cpr(number: str) -> bool:
    """Denmark has issued some without a check since 2007; those count where the word stands before."""
    return cpr.is_valid(number) and cpr.checksum(cpr.compact(number)) == 0


def _is_personnummer(number: str) -> bool:
    """What begins with a date of this decade is an order number, unless the word stands before."""
    return not number.startswith("202") and personnummer.is_valid(number)


def _is_nino(number: str) -> bool:
    return _NINO.fullmatch(number.replace(" ", "")) is not None


def _is_iban(text: str) -> bool:
    """ISO 13616's check: moved, read in base 36 and taken modulo 97, it leaves 1."""
    compact = text.replace(" ", "")
    length = _IBAN_LENGTHS.get(text[:2], 0)
    if not 0 < length <= len(compact):
        return False
    return int("".join(str(int(char, 36)) for char in compact[4:length] + compact[:4])) % 97 == 1


def _announces(data: bytes, start: int, end: int) -> bool:
    """True where a number that the word at `start` tells of follows it."""
    is_valid = _WORDS[data[start:end].decode().lower()]
    window = data[end : end + _ANNOUNCED_BYTES].decode("utf-8", "ignore")
    for match in _ANNOUNCED.finditer(window):
        digits = re.sub(r"\D", "", match[1])
        if match.start() <= _ANNOUNCED_CHARS and is_valid(digits):
            return True
    return False


def _compile(*patterns: str) -> re2._Regexp:
    """A pattern over UTF-8 seen as bytes."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.case_sensitive = False
    options.longest_match = True
    options.never_capture = True
    options.log_errors = False
    return re2.compile("|".join(patterns).encode(), options)


_FORMATS: Final[dict[str, tuple[Check, ...]]] = {
    "000-00-0000": (ssn.is_valid,),
    **dict.fromkeys(("AA000000A", "AA 00 00 00 A", "AA 000000 A"), (_is_nino,)),
    **dict.fromkeys(("0 00 00 00 000 000 00", "0 00 00 0A 000 000 00", "000000A00000000"), (nir.is_valid,)),
    "00 000 000 000": (idnr.is_valid,),
    **dict.fromkeys(("00000000A", "00000000-A", "00000000 A", "00.000.000-A", "00.000.000 A"), (_is_dni,)),
    **dict.fromkeys(("A0000000A", "A-0000000-A", "A-0000000A", "A0000000-A"), (_is_nie,)),
    **dict.fromkeys(("AAAAAA00A00A000A", "AAA AAA 00A00 A000A"), (codicefiscale.is_valid,)),
    "000.000.000-00": (cpf.is_valid,),
    **dict.fromkeys(("0000.00.000", "0000 00 000"), (bsn.is_valid,)),
    **dict.fromkeys(
        ("00.00.00-000.00", "00.00.00-000-00", "00.00.00 000.00", "000000-000.00", "000000-000-00"), (nn.is_valid,)
    ),
    **dict.fromkeys(("000000-0000", "000000+0000"), (_is_checked_cpr, personnummer.is_valid, hetu.is_valid)),
    **dict.fromkeys(("00000000-0000", "00000000+0000"), (_is_personnummer,)),
    **dict.fromkeys(("000000-000A", "000000A0000", "000000A000A", "000000+000A"), (hetu.is_valid,)),
    "000000 00000": (fodselsnummer.is_valid,),
    **dict.fromkeys(("000.0000.0000.00", "000 0000 0000 00"), (ahv.is_valid,)),
    "00000000000000000A": (_is_chinese_resident,),
    "000000-0000000": (rrn.is_valid,),
    **dict.fromkeys(("AAAA000000AAAAAAA0", "AAAA000000AAAAAA00"), (curp.is_valid,)),
    "000-000-000": (sin.is_valid,),
    **dict.fromkeys(("0000 000000 00000", "0000-000000-00000"), (_is_written_card,)),
}
"""How people write the numbers: a 0 for each digit, an A for each letter."""

_FORMATTED_PATTERN: Final = r"\b(?:{})\b".format(
    "|".join(re.escape(shape).replace("0", "[0-9]").replace("A", "[a-z]") for shape in _FORMATS)
)
_IN_FOURS_PATTERN: Final = (
    r"(?:^|[^0-9a-z_ ]|[^0-9] |[^0-9][0-9]{1,3} |[0-9]{5} )(?:[0-9]{4}[ -]){2,3}[0-9]{4}\b"  # cards, Japan, India
)
_BARE_OR_IBAN_PATTERN: Final = r"\b[0-9]{11,19}\b|\b[a-z]{2}[0-9]{2} ?[a-z0-9]{4} ?[a-z0-9]{4}"
_PHONE_FORMATS: Final = (
    r"\+[1-9](?:[ ().-]{0,2}[0-9]){7,14}\b",
    r"\([2-9][0-9]{2}\) ?[2-9][0-9]{2}[- .][0-9]{4}\b",
    r"\b[2-9][0-9]{2}-[2-9][0-9]{2}-[0-9]{4}\b",
    r"\b0[1-9](?: [0-9]{2}){4}\b",
    r"\b0[1-9](?:\.[0-9]{2}){4}\b",
    r"\b0(?:7[0-9]{3} ?[0-9]{3} [0-9]{3}|7[0-9]{3} [0-9]{6}|20 [0-9]{4} [0-9]{4}|1[0-9]{3} [0-9]{6})\b",
    r"\b01[567][0-9][ /-][0-9]{7,8}\b",
    r"\b0[2-9][0-9]{1,3} ?/ ?[0-9]{5,8}\b",
    r"\b0[5789]0-[0-9]{4}-[0-9]{4}\b",
    r"\b010-[0-9]{4}-[0-9]{4}\b",
    r"\([1-9][0-9]\) ?9[0-9]{4}-[0-9]{4}\b",
)
"""International, then of the US, France (2), the UK, Germany (2), Japan, South Korea and Brazil."""

_WORDS: Final[dict[str, Check]] = {
    **dict.fromkeys(("ssn", "social security number", "social security no", "social security"), ssn.is_valid),
    **dict.fromkeys(("nhs number", "nhs no", "nhs"), nhs.is_valid),
    **dict.fromkeys(("bsn", "burgerservicenummer", "burger service nummer"), bsn.is_valid),
    **dict.fromkeys(("nif", "contribuinte"), nif.is_valid),
    **dict.fromkeys(("sin", "social insurance number", "social insurance"), sin.is_valid),
    **dict.fromkeys(("tfn", "tax file number"), tfn.is_valid),
    "cpf": cpf.is_valid,
    "pesel": pesel.is_valid,
    **dict.fromkeys(("cpr", "cpr-nr", "cpr-nummer"), cpr.is_valid),
    **dict.fromkeys(("personnummer", "samordningsnummer"), personnummer.is_valid),
    **dict.fromkeys(("my number", "mynumber", "マイナンバー", "個人番号"), my_number.is_valid),
    **dict.fromkeys(("aadhaar", "aadhar", "uidai", "आधार"), aadhaar.is_valid),
    **dict.fromkeys(("rrn", "주민등록번호"), rrn.is_valid),
    **dict.fromkeys(("手机", "手機", "电话", "電話", "微信"), _is_chinese_mobile),
}
"""The words that make a bare number telling, for the numbers whose check alone would let one in ten or more pass."""
_WORD_PATTERN: Final = "|".join(rf"\b{word}\b" if word.isascii() else word for word in _WORDS)

_PHONE: Final = _compile(*_PHONE_FORMATS)
_FORMATTED: Final = _compile(_FORMATTED_PATTERN)
_IN_FOURS: Final = _compile(_IN_FOURS_PATTERN)
_WORD: Final = _compile(_WORD_PATTERN)
_ANY_NUMBER: Final = _compile(
    *_PHONE_FORMATS, _FORMATTED_PATTERN, _IN_FOURS_PATTERN, _BARE_OR_IBAN_PATTERN, _WORD_PATTERN
)
