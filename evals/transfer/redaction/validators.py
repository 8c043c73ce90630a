"""Check digits: whether digits that look like a number of some kind are one."""

from __future__ import annotations

import unicodedata

__all__ = [
    "ahv",
    "bsn",
    "codice_fiscale",
    "cpf",
    "digits_of",
    "dni",
    "iban",
    "luhn",
    "nir",
    "pesel",
    "ssn",
    "steuer_id",
]

_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18, "NO": 15,
    "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24, "SI": 19,
    "SK": 24, "SM": 27, "TN": 24, "TR": 26, "UA": 29, "VG": 24, "XK": 20,
}  # fmt: skip
_DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
_ODD_VALUES = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)
_ODD_LETTERS = (*_ODD_VALUES, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_ODD = dict(zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", _ODD_VALUES + _ODD_LETTERS, strict=True))


def digits_of(text: str) -> list[int]:
    """Decimal digits of any script."""
    return [unicodedata.decimal(char) for char in text if char.isdecimal()]


def luhn(text: str) -> bool:
    """Payment cards, 13 to 19 digits."""
    digits = digits_of(text)
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = (sum(divmod(2 * digit, 10)) if n % 2 else digit for n, digit in enumerate(reversed(digits)))
    return sum(doubled) % 10 == 0


def iban(text: str) -> bool:
    """ISO 13616: mod 97, and the country's length."""
    code = "".join(text.split()).replace("-", "").upper()
    if len(code) != _IBAN_LENGTHS.get(code[:2]) or not code.isascii() or not code.isalnum():
        return False
    return int("".join(str(int(char, 36)) for char in code[4:] + code[:4])) % 97 == 1


def steuer_id(text: str) -> bool:
    """Germany's tax number of a person: 11 digits, ISO 7064 mod 11,10; some digit of the first ten comes twice or
    three times."""
    digits = digits_of(text)
    if len(digits) != 11 or digits[0] == 0 or max(digits[:10].count(one) for one in digits[:10]) not in (2, 3):
        return False
    product = 10
    for digit in digits[:10]:
        product = ((digit + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == digits[10]


def ssn(text: str) -> bool:
    """The United States' social security number: three groups, none of which is all zeros."""
    area, group, serial = text[:3], text[4:6], text[7:]
    return area not in ("000", "666") and area[0] != "9" and group != "00" and serial != "0000"


def codice_fiscale(text: str) -> bool:
    """Italy's: 16 characters, the last of which checks the others."""
    code = text.upper()
    even = {char: int(char, 36) - (10 if char.isalpha() else 0) for char in _ODD}
    total = sum(even[char] if n % 2 else _ODD[char] for n, char in enumerate(code[:15]))
    return chr(total % 26 + ord("A")) == code[15]


def dni(text: str) -> bool:
    """Spain's DNI and NIE: digits modulo 23 give the letter."""
    code = text.upper().replace("-", "").replace(" ", "").replace(".", "")
    number = {"X": "0", "Y": "1", "Z": "2"}.get(code[0], code[0]) + code[1:-1]
    return number.isdigit() and _DNI[int(number) % 23] == code[-1]


def nir(text: str) -> bool:
    """France's: 13 digits and a key of two, modulo 97."""
    digits = "".join(str(digit) for digit in digits_of(text.upper().replace("2A", "19").replace("2B", "18")))
    return len(digits) == 15 and 97 - int(digits[:13]) % 97 == int(digits[13:])


def bsn(text: str) -> bool:
    """The Netherlands': 9 digits, the eleven test."""
    digits = digits_of(text)
    if len(digits) != 9 or not any(digits):
        return False
    return sum(digit * (9 - n) for n, digit in enumerate(digits[:8])) % 11 == digits[8]


def pesel(text: str) -> bool:
    """Poland's: 11 digits, weights 1, 3, 7, 9."""
    digits = digits_of(text)
    if len(digits) != 11 or not any(digits):
        return False
    total = sum(digit * (1, 3, 7, 9)[n % 4] for n, digit in enumerate(digits[:10]))
    return -total % 10 == digits[10] and 1 <= (digits[2] * 10 + digits[3]) % 20 <= 12


def cpf(text: str) -> bool:
    """Brazil's: 11 digits, the last two of which check the others."""
    digits = digits_of(text)
    if len(digits) != 11 or len(set(digits)) == 1:
        return False
    for length in (9, 10):
        total = sum(digit * (length + 1 - n) for n, digit in enumerate(digits[:length]))
        if total * 10 % 11 % 10 != digits[length]:
            return False
    return True


def ahv(text: str) -> bool:
    """Switzerland's: 13 digits that begin with 756, and EAN-13's check digit."""
    digits = digits_of(text)
    if len(digits) != 13 or digits[:3] != [7, 5, 6]:
        return False
    return -sum(digit * (3 if n % 2 else 1) for n, digit in enumerate(digits[:12])) % 10 == digits[12]
