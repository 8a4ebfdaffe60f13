"""How each country's personal numbers are written and checked, and the words that announce them: a table, no search.

A form leaves out what no such number has (a thirteenth month, an area never issued): what has the form passes the check
by chance, one in a hundred at least. So of very many that all fail none is anyone's by mistake, but by design.
"""

import re
from collections.abc import Callable
from typing import Final

from msgspec import Struct
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

_MONTH: Final = "(?:0[1-9]|1[0-2])"
_DAY: Final = "(?:0[1-9]|[12][0-9]|3[01])"
_PESEL_BORN: Final = re.compile(
    r"(?!20[23])(?:[2-9]\d(?:0[1-9]|1[0-2])|[0-2]\d(?:2[1-9]|3[0-2]))(?:0[1-9]|[12]\d|3[01])"
)
"""Born in 1920 to 2029; what begins like a date of this century is an order number."""
_NORWEGIAN_BORN: Final = re.compile(r"[0-7]\d(?:[048][1-9]|[159][0-2])")
_BELGIAN_BORN: Final = re.compile(r"\d\d(?:0\d|1[0-2])(?:[0-2]\d|3[01])")
_NINO: Final = re.compile(r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]")
_CHINESE_MOBILE: Final = re.compile(r"1[3-9]\d{9}")


def is_bare_national_id(number: str) -> bool:
    """What stands alone without separators, by its length: one in a hundred at most of the numbers that have it."""
    match len(number):
        case 11:
            return (
                (_PESEL_BORN.match(number) is not None and pesel.is_valid(number))
                or (_NORWEGIAN_BORN.match(number) is not None and fodselsnummer.is_valid(number))
                or (_BELGIAN_BORN.match(number) is not None and nn.is_valid(number))
                or (len(set(number[:10])) in {8, 9} and idnr.is_valid(number))
            )
        case 13:
            return ahv.is_valid(number)
        case 15:
            return nir.is_valid(number)
        case 18:
            return _is_chinese_resident(number)
        case _:
            return False


def is_in_fours(number: str) -> bool:
    """Twelve digits that people write in groups of four."""
    return my_number.is_valid(number) or aadhaar.is_valid(number)


def shape_of(number: str) -> str:
    """A 0 for each digit, an A for each letter."""
    return re.sub(r"[A-Z]", "A", re.sub(r"\d", "0", number))


def _is_ssn(number: str) -> bool:
    return ssn.is_valid(number.replace(" ", "-"))


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


def _is_nino(number: str) -> bool:
    return _NINO.fullmatch(number.replace(" ", "")) is not None


FORMATS: Final[dict[str, tuple[Check, ...]]] = {
    **dict.fromkeys(("000-00-0000", "000 00 0000"), (_is_ssn,)),
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
    **dict.fromkeys(("00000000-0000", "00000000+0000"), (personnummer.is_valid,)),
    **dict.fromkeys(("000000-000A", "000000A0000", "000000A000A", "000000+000A"), (hetu.is_valid,)),
    "000000 00000": (fodselsnummer.is_valid,),
    **dict.fromkeys(("000.0000.0000.00", "000 0000 0000 00"), (ahv.is_valid,)),
    "00000000000000000A": (_is_chinese_resident,),
    "000000-0000000": (rrn.is_valid,),
    **dict.fromkeys(("AAAA000000AAAAAAA0", "AAAA000000AAAAAA00"), (curp.is_valid,)),
    "000-000-000": (sin.is_valid,),
}
"""How people write the numbers: a 0 for each digit, an A for each letter."""

_SSN_PARTS: Final = (
    "(?:00[1-9]|0[1-9][0-9]|[1-578][0-9]{2}|6[0-57-9][0-9]|66[0-57-9])",
    "(?:0[1-9]|[1-9][0-9])",
    "(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})",
)
_BORN: Final = rf"(?:[0-9]{{2}}{_MONTH}[0-9]{{2}}|[0-9]{{2}}{_MONTH}{_DAY}|{_DAY}{_MONTH}[0-9]{{2}})"
_NARROWED: Final = {
    "000-00-0000": "-".join(_SSN_PARTS),
    "000 00 0000": " ".join(_SSN_PARTS),
    "000000-0000": f"{_BORN}-[0-9]{{4}}",
    "000000+0000": rf"{_BORN}\+[0-9]{{4}}",
    # a date of this decade begins an order number, unless the word stands before
    "00000000-0000": f"(?:1[89][0-9]{{2}}|20[013-9][0-9]){_MONTH}[0-9]{{2}}-[0-9]{{4}}",
    "00000000+0000": rf"(?:1[89][0-9]{{2}}|20[013-9][0-9]){_MONTH}[0-9]{{2}}\+[0-9]{{4}}",
    "00000000000000000A": f"[1-9][0-9]{{5}}(?:18|19|20)[0-9]{{2}}{_MONTH}{_DAY}[0-9]{{3}}x",
    "000000-0000000": f"[0-9]{{2}}{_MONTH}{_DAY}-[0-9]{{7}}",
}
FORMATTED_PATTERN: Final = r"\b(?:{})\b".format(
    "|".join(_NARROWED.get(shape, re.escape(shape).replace("0", "[0-9]").replace("A", "[a-z]")) for shape in FORMATS)
)
"""For RE2, without regard to case."""
BARE_PATTERN: Final = (
    r"(?:[0-9]{11}|756[0-9]{10}|[12][0-9]{2}(?:0[1-9]|[1-9][0-9])[0-9]{10}|"
    rf"[1-9][0-9]{{5}}(?:18|19|20)[0-9]{{2}}{_MONTH}{_DAY}[0-9]{{4}})"
)
"""What `is_bare_national_id` may hold true of."""


class Announced(Struct, frozen=True):
    """A number that a word before it tells of."""

    digits: frozenset[int]
    """How many it may have."""
    is_valid: Check


_SSN: Final = Announced(frozenset({9}), ssn.is_valid)
_NHS: Final = Announced(frozenset({10}), nhs.is_valid)
_BSN: Final = Announced(frozenset({8, 9}), bsn.is_valid)
_NIF: Final = Announced(frozenset({9}), nif.is_valid)
_SIN: Final = Announced(frozenset({9}), sin.is_valid)
_TFN: Final = Announced(frozenset({8, 9}), tfn.is_valid)
_PERSONNUMMER: Final = Announced(frozenset({10, 12}), personnummer.is_valid)
_MY_NUMBER: Final = Announced(frozenset({12}), my_number.is_valid)
_AADHAAR: Final = Announced(frozenset({12}), aadhaar.is_valid)

WORDS: Final[dict[str, Announced]] = {
    **dict.fromkeys(("ssn", "social security number", "social security no", "social security"), _SSN),
    **dict.fromkeys(("nhs number", "nhs no", "nhs"), _NHS),
    **dict.fromkeys(("bsn", "burgerservicenummer", "burger service nummer"), _BSN),
    **dict.fromkeys(("nif", "contribuinte"), _NIF),
    **dict.fromkeys(("sin", "social insurance number", "social insurance"), _SIN),
    **dict.fromkeys(("tfn", "tax file number"), _TFN),
    "cpf": Announced(frozenset({11}), cpf.is_valid),
    "pesel": Announced(frozenset({11}), pesel.is_valid),
    **dict.fromkeys(("cpr", "cpr-nr", "cpr-nummer"), Announced(frozenset({10}), cpr.is_valid)),
    **dict.fromkeys(("personnummer", "samordningsnummer"), _PERSONNUMMER),
    **dict.fromkeys(("my number", "mynumber", "マイナンバー", "個人番号"), _MY_NUMBER),
    **dict.fromkeys(("aadhaar", "aadhar", "uidai", "आधार"), _AADHAAR),
    **dict.fromkeys(("rrn", "주민등록번호"), Announced(frozenset({13}), rrn.is_valid)),
    **dict.fromkeys(("手机", "手機", "电话", "電話", "微信"), Announced(frozenset({11}), _is_chinese_mobile)),
}
"""The words that make a bare number telling, for the numbers whose check alone would let one in ten or more pass."""
WORD_PATTERN: Final = "|".join(rf"\b{word}\b" if word.isascii() else word for word in WORDS)
