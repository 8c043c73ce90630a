"""The rules: what is looked for, and how it is told from what only looks alike.

Every rule takes time in proportion to the text. Patterns are anchored at a character that is rare or at the beginning
of a word, repeat within bounds, and do not try one text in several ways.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from evals.transfer.redaction import validators

__all__ = ["KINDS", "RULES", "Rule", "Span"]

Span = tuple[int, int]
Find = Callable[[str], Iterator[Span]]

# Kinds of placeholders, with what they stand for, in the order in which they are told.
KINDS = {
    "SECRET": "keys, tokens and passwords",
    "URL": "addresses with credentials in them",
    "EMAIL": "e-mail addresses",
    "IBAN": "bank accounts (IBAN)",
    "CARD": "payment cards",
    "TAX_ID": "tax and social security numbers",
    "PHONE": "telephone numbers",
    "IP": "network addresses",
    "ADDRESS": "postal addresses",
    "NAME": "names of your list",
    "NUMBER": "long runs of digits",
}


@dataclass(frozen=True)
class Rule:
    """`find` yields spans of a text. Where spans overlap, the rule that comes first wins. `digits`: what it finds holds
    a digit, so a text without any needs no look."""

    kind: str
    find: Find
    digits: bool = False


def _pattern(pattern: str, flags: int = 0, *, group: int = 0, valid: Callable[[str], bool] | None = None) -> Find:
    compiled = re.compile(pattern, flags)

    def find(text: str) -> Iterator[Span]:
        for found in compiled.finditer(text):
            if valid is None or valid(found[group]):
                yield found.span(group)

    return find


def _private_keys(text: str) -> Iterator[Span]:
    """A block from its BEGIN line to its END line, or as far as it looks like a key."""
    at = 0
    while (start := text.find("-----BEGIN ", at)) >= 0:
        line = text[start : start + 80]
        at = start + 11
        if "PRIVATE KEY" in line:
            end = text.find("-----END ", at, start + 20_000)
            close = text.find("-----", end + 9, end + 80) if end >= 0 else -1
            at = close + 5 if close >= 0 else _BASE64.match(text, start + 11).end()  # type: ignore[union-attr]
            yield start, at


_BASE64 = re.compile(r"[A-Za-z0-9+/=\s\\:,.\-]{0,20000}+")

_KEY_FORMS = "|".join(
    (
        r"sk-[A-Za-z0-9_-]{16,200}+",
        r"(?:sk|rk|pk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,200}+",
        r"gh[pousr]_[A-Za-z0-9]{20,255}+",
        r"github_pat_[A-Za-z0-9_]{20,255}+",
        r"gl(?:pat|dt|rt|cbt|ptt)-[A-Za-z0-9_-]{16,200}+",
        r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])",
        r"xox[abeoprs]-[A-Za-z0-9-]{10,250}+",
        r"xapp-[A-Za-z0-9-]{10,250}+",
        r"AIza[A-Za-z0-9_-]{30,60}+",
        r"ya29\.[A-Za-z0-9_-]{20,300}+",
        r"GOCSPX-[A-Za-z0-9_-]{20,60}+",
        r"hf_[A-Za-z0-9]{20,100}+",
        r"r8_[A-Za-z0-9]{20,100}+",
        r"gsk_[A-Za-z0-9]{20,100}+",
        r"xai-[A-Za-z0-9]{20,200}+",
        r"npm_[A-Za-z0-9]{30,100}+",
        r"pypi-[A-Za-z0-9_-]{30,255}+",
        r"dop_v1_[a-f0-9]{40,80}+",
        r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{30,60}+",
        r"SG\.[A-Za-z0-9_-]{16,40}\.[A-Za-z0-9_-]{30,80}+",
        r"sq0(?:atp|csp)-[A-Za-z0-9_-]{20,60}+",
        r"lin_api_[A-Za-z0-9]{30,60}+",
        r"glsa_[A-Za-z0-9]{30,60}+",
        r"AGE-SECRET-KEY-1[A-Z0-9]{50,70}+",
    )
)
_KEYS = _pattern(rf"(?<![A-Za-z0-9_-])(?:{_KEY_FORMS})")
_JWT = _pattern(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,4000}+\.[A-Za-z0-9_-]{8,8000}+(?:\.[A-Za-z0-9_-]{0,4000}+)?")
_HEADERS = _pattern(
    r"(?<![A-Za-z])(?:bearer|basic|token|apikey|digest)[ \t]{1,3}([A-Za-z0-9._~+/=-]{16,4000}+)",
    re.IGNORECASE,
    group=1,
    valid=lambda text: any(char.isdigit() for char in text) or _bits(text) > 3.5,
)
_WEBHOOKS = _pattern(r"(?<![A-Za-z0-9])https://hooks\.slack\.com/[A-Za-z0-9/_-]{10,200}+")

_NAMED_SO = (
    r"api[_ -]?key|access[_ -]?key|secret[_ -]?key|private[_ -]?key|account[_ -]?key|client[_ -]?secret|secret"
    r"|auth[_ -]?token|access[_ -]?token|refresh[_ -]?token|session[_ -]?(?:id|key|token)|token"
    r"|credentials?|signature|sig"
    r"|passw(?:or)?d|passwort|kennwort|passphrase|pwd|contraseña|mot de passe|пароль|密码|パスワード"
)
# The name of a secret, what parts it from its value, and the value.
_ASSIGNED = re.compile(
    rf"(?<![^\W_])({_NAMED_SO})(?:[_ -]?[A-Za-z0-9]{{1,20}})?"
    r"[\"'`]{0,2}[ \t]{0,3}(?:=>|:=|[:=：]|\bis\b|\blautet\b|\bist\b|\bes\b|\best\b)[ \t]{0,3}[\"'`]{0,2}"
    r"([^\s\"'`,;<>(){}\[\]]{4,1000}+)",
    re.IGNORECASE,
)
_PASSWORD = re.compile(r"pass|pwd|kennwort|contraseña|пароль|密码|パスワード", re.IGNORECASE)
_PLAIN_VALUES = {
    "true",
    "false",
    "null",
    "none",
    "string",
    "number",
    "required",
    "invalid",
    "wrong",
    "correct",
    "empty",
}


def _assignments(text: str) -> Iterator[Span]:
    """Values of what is named like a secret. Of a password, anything that is no common word of prose; of other names,
    what looks random."""
    for found in _ASSIGNED.finditer(text):
        if text[found.start() - 1 : found.start()] in ("?", "&"):
            continue  # of an address, in which an ampersand ends the value
        value = found[2].rstrip(".!?:")
        if value.casefold() in _PLAIN_VALUES or value.startswith(("$", "%", "[", "/")):
            continue
        mixed = any(char.isdigit() for char in value) or not value.isalpha()
        if _PASSWORD.search(found[1]):
            wanted = mixed or "=" in found[0] or ":" in found[0]
        else:
            wanted = len(value) >= 12 and mixed and _bits(value) >= 3.0
        if wanted:
            yield found.start(2), found.start(2) + len(value)


def _bits(text: str) -> float:
    """Shannon's entropy a character."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


_CREDENTIALS = _pattern(
    r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/@:\"'<>]{0,200}:[^\s/@\"'<>]{1,200}@[^\s\"'<>)\]]{1,500}+"
)
_QUERY = _pattern(
    r"[?&](?:access_token|api_?key|key|token|sig|signature|auth|password|secret|code|x-amz-signature)="
    r"([^\s&#\"'<>]{6,500}+)",
    re.IGNORECASE,
    group=1,
)

# Read backwards from the sign.
_LOCAL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}+")
_HOST = re.compile(r"(?:[^\W_](?:[\w-]{0,62}[^\W_])?\.){1,8}[^\W\d_][\w-]{0,61}[^\W_]", re.UNICODE)
_SPELT = _pattern(
    r"(?<![\w.])[\w.+-]{1,64}+[ ]?[(\[{][ ]?(?:at|@|ät)[ ]?[)\]}][ ]?[\w-]{1,63}+"
    r"(?:[ ]?(?:[(\[{][ ]?(?:dot|punkt|\.)[ ]?[)\]}]|\.)[ ]?[\w-]{2,63}+){1,4}",
    re.IGNORECASE,
)


def _emails(text: str) -> Iterator[Span]:
    at = text.find("@")
    while at >= 0:
        before = _LOCAL.match(text[max(0, at - 64) : at][::-1])
        after = _HOST.match(text, at + 1, at + 255) if before else None
        if before and after:
            start = at - len(before[0])
            local = before[0][::-1].lstrip("'`{|=./?&")
            if local:
                yield start + len(before[0]) - len(local), after.end()
        at = text.find("@", at + 1)


_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?::\d{1,3}(?:\.\d{1,3}){3})?(?![\w:])")
_MAC = _pattern(r"(?<![\w:-])[0-9A-Fa-f]{2}(?:([:-])[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4}(?![\w:-])")


def _addresses_of_networks(text: str) -> Iterator[Span]:
    """IPv4 and IPv6, without those of the machine itself."""
    for pattern in (_IPV4, _IPV6):
        for found in pattern.finditer(text):
            try:
                address = ipaddress.ip_address(found[0])
            except ValueError:
                continue
            if not (address.is_loopback or address.is_unspecified):
                yield found.span()


_IBAN_FORM = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[ ]?\d{2}(?:[ -]?[A-Za-z0-9]){11,30}")


def _ibans(text: str) -> Iterator[Span]:
    """The longest beginning of what looks like an account that is one: words may follow it."""
    for found in _IBAN_FORM.finditer(text):
        for end in range(found.end(), found.start() + 14, -1):
            if (end == len(text) or not text[end].isalnum()) and validators.iban(text[found.start() : end]):
                yield found.start(), end
                break


_CARDS = _pattern(r"(?<![\d.,-])\d(?:[ -]?\d){12,18}(?![\d]|[ -]\d)", valid=validators.luhn)

_TAX_IDS = (
    _pattern(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])", valid=validators.ssn),
    _pattern(r"(?<![\d])\d{2}[ ]?\d{3}[ ]?\d{3}[ ]?\d{3}(?![\d])", valid=validators.steuer_id),
    _pattern(
        r"(?<![A-Za-z0-9])[A-Za-z]{6}[0-9LMNPQRSTUVlmnpqrstuv]{2}[A-EHLMPRSTa-ehlmprst][0-9LMNPQRSTUVlmnpqrstuv]{2}"
        r"[A-Za-z][0-9LMNPQRSTUVlmnpqrstuv]{3}[A-Za-z](?![A-Za-z0-9])",
        valid=validators.codice_fiscale,
    ),
    _pattern(
        r"(?<![A-Za-z0-9])[A-CEGHJ-PR-TW-Za-ceghj-pr-tw-z][A-CEGHJ-NPR-TW-Za-ceghj-npr-tw-z][ ]?\d{2}[ ]?\d{2}[ ]?\d{2}"
        r"[ ]?[A-Da-d](?![A-Za-z0-9])"
    ),
    _pattern(
        r"(?<![A-Za-z0-9])(?:\d{8}|\d{2}\.\d{3}\.\d{3}|[XYZxyz]-?\d{7})[ -]?[A-Za-z](?![A-Za-z0-9])",
        valid=validators.dni,
    ),
    _pattern(
        r"(?<!\d)[12378][ ]?\d{2}[ ]?[0-9]{2}[ ]?(?:\d{2}|2[ABab])[ ]?\d{3}[ ]?\d{3}[ ]?\d{2}(?!\d)",
        valid=validators.nir,
    ),
    _pattern(r"(?<!\d)756[. ]?\d{4}[. ]?\d{4}[. ]?\d{2}(?!\d)", valid=validators.ahv),
    _pattern(r"(?<!\d)\d{3}\.?\d{3}\.?\d{3}-?\d{2}(?!\d)", valid=validators.cpf),
    _pattern(r"(?<!\d)\d{11}(?!\d)", valid=validators.pesel),
    _pattern(r"(?<!\d)\d{9}(?!\d)", valid=validators.bsn),
    _pattern(r"(?<![A-Za-z0-9])(?:DE[ ]?\d{9}|ATU[ ]?\d{8}|IT[ ]?\d{11}|CHE-?\d{3}\.?\d{3}\.?\d{3})(?![A-Za-z0-9])"),
    _pattern(r"(?<![A-Za-z0-9])\d{2}[ ]?[0-3]\d[01]\d{3}[ ]?[A-Z][ ]?\d{3}(?![A-Za-z0-9])"),
)


def _tax_ids(text: str) -> Iterator[Span]:
    for find in _TAX_IDS:
        yield from find(text)


_PHONE_FORM = re.compile(
    r"(?<![\w.,/-])(?:(?:\+|00)[ ]?[1-9]\d{0,2}[ ./()-]{0,2}(?:\(0\)[ ]?)?|\(?0\d{1,5}\)?[ ./-]{0,3}"
    r"|\(\d{3}\)[ ]?|\d{3}[-. ])"
    r"\d{1,8}(?:[ ./()-]{1,2}\d{1,8}){0,6}(?![\w])"
)
_DATE = re.compile(r"(?:\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{2,4})")


def _phones(text: str) -> Iterator[Span]:
    for found in _PHONE_FORM.finditer(text):
        written = found[0].rstrip(" ./(-")
        digits = len(validators.digits_of(written))
        international = written.startswith(("+", "00"))
        least = 8 if international or written.startswith(("0", "(0")) else 10
        if least <= digits <= 15 and not _DATE.fullmatch(written):
            yield found.start(), found.start() + len(written)


_STREET_WORD = (
    r"Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Square|Sq|Terrace|Way|Close|Crescent"
    r"|Highway|Hwy|Parkway|Pkwy|Row|Mews|Gardens"
)
_UPPER = r"[A-ZÀ-ÖØ-ÞŒŠŽ]"
_WORDS = rf"(?:{_UPPER}?[\w’'.-]{{1,30}}[ ]){{0,4}}"
_PLACE = (
    rf"(?:,?[ \n]{{1,3}}(?:[A-Z]{{1,2}}-)?\d{{4,5}}[ ]{_UPPER}[\w’'.-]{{1,30}}(?:[ ]{_UPPER}[\w’'.-]{{1,30}}){{0,3}})?"
)
_ADDRESSES = (
    # 221B Baker Street, London NW1 6XE; 1600 Pennsylvania Avenue NW, Washington, DC 20500
    _pattern(
        rf"(?<![\w-])\d{{1,5}}[A-Za-z]?[ ](?:{_UPPER}[\w’'.-]{{1,30}}[ ]){{1,4}}(?:{_STREET_WORD})\b\.?"
        rf"(?:[ ][NSEW]{{1,2}}\b)?"
        rf"(?:,[ ](?:Apt|Suite|Unit|Flat|Floor)\.?[ ]?[\w-]{{1,8}})?"
        rf"(?:,[ ]{_UPPER}[^\W\d]{{1,30}}(?:[ ]{_UPPER}[^\W\d]{{1,30}}+(?!\d)){{0,2}})?"
        rf"(?:,?[ ](?:[A-Z]{{1,2}}\d[A-Z\d]?[ ]?\d[A-Z]{{2}}|[A-Z]{{2}}[ ]\d{{5}}(?:-\d{{4}})?))?"
    ),
    # Musterstraße 12a, 80331 München; Am Alten Markt 3; Hauptstr. 5
    _pattern(
        rf"(?<!\w){_UPPER}[\w-]{{1,40}}?(?:straße|strasse|str\.|gasse|weg|platz|allee|ufer|damm|ring|steig|chaussee|markt)"
        rf"[ ]\d{{1,4}}[ ]?[a-z]?(?![\w-]){_PLACE}"
    ),
    _pattern(
        rf"(?<!\w)(?:{_UPPER}\w{{1,30}}[ -]){{1,3}}(?:Straße|Strasse|Str\.|Gasse|Weg|Platz|Allee|Ufer|Damm|Ring|Markt)"
        rf"[ ]\d{{1,4}}[ ]?[a-z]?(?![\w-]){_PLACE}"
    ),
    # 12 rue de Rivoli, 75001 Paris; 3 bis, avenue Foch
    _pattern(
        rf"(?<!\w)\d{{1,4}}(?:[ ](?:bis|ter))?,?[ ](?:rue|avenue|boulevard|place|quai|allée|chemin|impasse)[ ]{_WORDS}"
        rf"{_UPPER}[\w’'-]{{1,30}}{_PLACE}",
        re.IGNORECASE,
    ),
    # Via Roma 10, 00184 Roma; Calle Mayor 5; Rua Augusta, 12
    _pattern(
        rf"(?<!\w)(?:Via|Viale|Piazza|Corso|Calle|C/|Avenida|Plaza|Paseo|Rua|Praça|Ulica|ul\.)[ ]?{_WORDS}{_UPPER}"
        rf"[\w’'-]{{1,30}},?[ ](?:n[º°.]?[ ]?)?\d{{1,4}}[a-z]?(?!\w){_PLACE}"
    ),
    # P.O. Box 1234; Postfach 10 20 30
    _pattern(
        r"(?<!\w)(?:P\.?[ ]?O\.?[ ]Box|Postfach|Boîte postale|Apartado)[ ]\d{1,4}(?:[ ]?\d{1,3}){0,3}", re.IGNORECASE
    ),
    # NW1 6XE, as it is written in capitals
    _pattern(r"(?<![\w-])[A-Z]{1,2}\d[A-Z\d]?[ ]\d[A-Z]{2}(?![\w-])"),
    # 80331 München
    _pattern(
        rf"(?<![\w.,-])(?:[A-Z]{{1,2}}-)\d{{4,5}}[ ]{_UPPER}[\w’'.-]{{2,30}}(?:[ ]{_UPPER}[\w’'.-]{{2,30}}){{0,2}}"
    ),
)


def _postal(text: str) -> Iterator[Span]:
    for find in _ADDRESSES:
        yield from find(text)


def _is_long(text: str) -> bool:
    digits = len(validators.digits_of(text))
    return digits >= 12 or (digits >= 9 and text.isdecimal())


# Nine digits or more, or twelve in groups.
_NUMBERS = _pattern(
    r"(?<!\d)(?<!\d[.,])(?:\d{9,60}+|\d{2,6}(?:([ -])\d{2,6})(?:\1\d{2,6}){1,7})(?![\d])",
    valid=_is_long,
)


_HANDLES_OF_SECRETS = (_private_keys, _KEYS, _JWT, _HEADERS, _WEBHOOKS, _assignments, _QUERY)


def _secrets(text: str) -> Iterator[Span]:
    for find in _HANDLES_OF_SECRETS:
        yield from find(text)


def _mails(text: str) -> Iterator[Span]:
    yield from _emails(text)
    if "(" in text or "[" in text or "{" in text:
        yield from _SPELT(text)


def _networks(text: str) -> Iterator[Span]:
    yield from _addresses_of_networks(text)
    yield from _MAC(text)


RULES = (
    Rule("URL", _CREDENTIALS),
    Rule("SECRET", _secrets),
    Rule("EMAIL", _mails),
    Rule("IBAN", _ibans, digits=True),
    Rule("TAX_ID", _tax_ids, digits=True),
    Rule("CARD", _CARDS, digits=True),
    Rule("ADDRESS", _postal, digits=True),
    Rule("IP", _networks),
    Rule("PHONE", _phones, digits=True),
    Rule("NUMBER", _NUMBERS, digits=True),
)
