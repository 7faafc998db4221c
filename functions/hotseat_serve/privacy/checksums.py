"""Check digits of cards, bank accounts, identity numbers and wallets.

Each function takes a candidate as a recogniser found it, separators included, and says
whether its check digits are right.
"""

import hashlib
import ipaddress
import re
import unicodedata
from datetime import date

_RESIDENT = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_RESIDENT_CHECK = "10X98765432"
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def digits(text: str) -> list[int]:
    """Return the digits of a text in any script, without what stands between them."""
    return [unicodedata.decimal(c) for c in text if c.isdecimal()]


def is_card(text: str) -> bool:
    """Whether a number of 13 to 19 digits passes Luhn's formula (ISO/IEC 7812-1)."""
    number = digits(text)
    if not 13 <= len(number) <= 19 or len(set(number)) == 1:
        return False
    doubled = (sum(divmod(2 * d, 10)) for d in number[-2::-2])
    return (sum(number[-1::-2]) + sum(doubled)) % 10 == 0


def is_iban(text: str) -> bool:
    """Whether an account number's remainder is 1 modulo 97 (ISO 13616)."""
    plain = re.sub(r"[\s-]", "", text).upper()
    if not 15 <= len(plain) <= 34:
        return False
    moved = plain[4:] + plain[:4]
    return int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


def is_resident_id(text: str) -> bool:
    """Whether a Chinese identity number has a date and its check digit (GB 11643)."""
    number = digits(text[:-1])
    last = text[-1].upper()
    check = last if last == "X" else str(unicodedata.decimal(last, -1))
    if len(number) != 17:
        return False
    year, month, day = (
        int("".join(map(str, number[a:b]))) for a, b in ((6, 10), (10, 12), (12, 14))
    )
    try:
        date(year, month, day)
    except ValueError:
        return False
    total = sum(d * w for d, w in zip(number, _RESIDENT, strict=True))
    return 1900 <= year <= 2100 and _RESIDENT_CHECK[total % 11] == check


def is_social_security(text: str) -> bool:
    """Whether a number of the form 078-05-1120 may be one of the United States."""
    area, group, serial = (
        int("".join(map(str, digits(part)))) for part in re.split(r"[- ]", text)
    )
    return area not in {0, 666} and area < 900 and group != 0 and serial != 0


def is_address(text: str) -> bool:
    """Whether a text is an IPv4 or IPv6 address, a prefix length after it or not."""
    plain = "".join(str(unicodedata.decimal(c, c)) for c in text)
    try:
        ipaddress.ip_interface(plain)
    except ValueError:
        return False
    return True


def is_bitcoin(text: str) -> bool:
    """Whether an address of Base58Check has its four bytes of SHA-256."""
    value = 0
    for character in text:
        value = value * 58 + _BASE58.index(character)
    raw = value.to_bytes(25, "big") if value.bit_length() <= 200 else b""
    twice = hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()
    return bool(raw) and twice[:4] == raw[-4:]
