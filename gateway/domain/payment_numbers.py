"""How the numbers of payment cards and bank accounts are written and checked: tables, no search."""

import re
from typing import Final

from stdnum import luhn

Span = tuple[int, int]

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
_IBAN: Final = re.compile(
    rb"[a-z]{2}\d{2}([ -]?)[a-z0-9]{4}(?:\1[a-z0-9]{4}){1,6}(?:\1[a-z0-9]{1,3})?\b", re.IGNORECASE
)
_LOWER_CASE_DIGITS: Final = 10
"""An account's number in lower case has as many at least; what has fewer is a digest or some words."""

CARD_FORM: Final = r"4\d{15}(?:\d{3})?|(?:5\d|2[2-7])\d{14}|6[02-57]\d{14,17}|3[47]\d{13}|3[0689]\d{12}|35\d{14}"
"""What the networks issue, by their first digits; others of these lengths are mostly times in milliseconds."""
_CARD: Final = re.compile(CARD_FORM)

ACCOUNT_PATTERN: Final = (
    rf"\b(?:{'|'.join(_IBAN_LENGTHS)})[0-9]{{2}}"
    r"(?:[a-z0-9]{8}| [a-z0-9]{4} [a-z0-9]{4}|-[a-z0-9]{4}-[a-z0-9]{4})"
)
"""How an account's number begins."""


def is_card(number: str) -> bool:
    return _CARD.fullmatch(number) is not None and luhn.is_valid(number)


def whole_account(data: bytes, span: Span) -> Span:
    """The place of an account's number of which the beginning was found."""
    whole = _IBAN.match(data, span[0])
    return whole.span() if whole else span


def is_account(data: bytes, start: int, end: int) -> bool:
    """ISO 13616's check: moved, read in base 36 and taken modulo 97, it leaves 1."""
    written = data[start:end].decode()
    compact = written.replace(" ", "").replace("-", "").upper()
    length = _IBAN_LENGTHS.get(compact[:2], 0)
    if not 0 < length <= len(compact) or (length < len(compact) and " " not in written):
        return False
    compact = compact[:length]
    if not written[:2].isupper() and sum(map(str.isdigit, compact)) < _LOWER_CASE_DIGITS:
        return False
    return int("".join(str(int(char, 36)) for char in compact[4:] + compact[:4])) % 97 == 1
