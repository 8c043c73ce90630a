"""What redaction finds, what it leaves, and that no text makes it slow. No database."""

from __future__ import annotations

import resource

import pytest

from evals.transfer.redaction import validators
from evals.transfer.redaction.names import MOST_NAMES, NameList, TooManyNamesError, names_in
from evals.transfer.redaction.redactor import Redactor
from evals.transfer.redaction.rules import KINDS, RULES

NAMES = ("Mara Lopez", "Will", "Müller", "田中", "Иван", "O'Neill", "Anna-Lena")


def redacted(text, names=()):
    return Redactor(names).text(text, "prompt")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Write to mara.lopez+x@mail.example.org, please.", "Write to [EMAIL_1], please."),
        ("jürgen@bücher.example or 'a@b.example'", "[EMAIL_1] or '[EMAIL_2]'"),
        ("mara [at] example [dot] org", "[EMAIL_1]"),
        ("Call +49 30 1234567 or 030/123 45 67", "Call [PHONE_1] or [PHONE_2]"),
        ("(212) 555-0182, 212-555-0182, 0044 20 7946 0958", "[PHONE_1], [PHONE_2], [PHONE_3]"),
        ("card 4111 1111 1111 1111, ٤١١١١١١١١١١١١١١١", "card [CARD_1], [CARD_2]"),
        ("IBAN DE89 3704 0044 0532 0130 00 please", "IBAN [IBAN_1] please"),
        ("to GB82WEST12345698765432.", "to [IBAN_1]."),
        ("SSN 078-05-1120", "SSN [TAX_ID_1]"),
        ("cf RSSMRA85T10A562S, dni 12345678Z, nie X1234567L", "cf [TAX_ID_1], dni [TAX_ID_2], nie [TAX_ID_3]"),
        ("nino AB123456C, id 86095742719, ahv 756.9217.0769.85", "nino [TAX_ID_1], id [TAX_ID_2], ahv [TAX_ID_3]"),
        ("bsn 111222333, pesel 44051401458, cpf 529.982.247-25", "bsn [TAX_ID_1], pesel [TAX_ID_2], cpf [TAX_ID_3]"),
        ("nir 2 55 08 14 168 025 38", "nir [TAX_ID_1]"),
        ("Musterstraße 12a, 80331 München", "[ADDRESS_1]"),
        ("at 221B Baker Street, London NW1 6XE now", "at [ADDRESS_1] now"),
        ("1600 Pennsylvania Avenue NW, Washington, DC 20500", "[ADDRESS_1]"),
        ("12 rue de Rivoli, 75001 Paris; Via Roma 10, 00184 Roma", "[ADDRESS_1]; [ADDRESS_2]"),
        ("Am Alten Markt 3, Postfach 10 20 30", "[ADDRESS_1], [ADDRESS_2]"),
        ("192.168.1.4:8080 and 2001:db8::1, aa:bb:cc:dd:ee:ff", "[IP_1]:8080 and [IP_2], [IP_3]"),
        ("postgres://app:hunter2@db.example.org/x", "[URL_1]"),
        ("https://x.example/?token=abcdef123456&n=1", "https://x.example/?token=[SECRET_1]&n=1"),
        ("sk-proj-abcdefghijklmnopqrst1234 AKIAIOSFODNN7EXAMPLE", "[SECRET_1] [SECRET_2]"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789 xoxb-123456789012-abc", "[SECRET_1] [SECRET_2]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcDEF123_-", "[SECRET_1]"),
        ("Authorization: Bearer abc.def-1234567890xyz", "Authorization: Bearer [SECRET_1]"),
        ("API_KEY=Zx81kd92mPq0aaL1\npassword: hunter2", "API_KEY=[SECRET_1]\npassword: [SECRET_2]"),
        ("my password is hunter2! Passwort lautet Geheim123", "my password is [SECRET_1]! Passwort lautet [SECRET_2]"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- rest", "[SECRET_1] rest"),
        ("order 123456789012, 1234 5678 9012", "order [NUMBER_1], [NUMBER_1]"),
    ],
)
def test_what_identifies_or_opens_is_replaced(text, kept):
    assert redacted(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "On 2024-05-12T10:00:00Z, 12.05.2024 at 12:30:45, version 1.2.3, order 1177, 3.14159265358979",
        "std::vector<int> at 127.0.0.1 and ::1; max_tokens: 500; the token is invalid",
        "The password is required. SELECT count(*) FROM t WHERE id = 12345",
        "1 000 000 people, pages 100-200, § 12, 50% of 3,000.50",
        "Will you mark the street, please? @media (min-width: 40rem) {}",
        "token: string, secret = null, api_key = os.environ['KEY']",
    ],
)
def test_what_only_looks_alike_stays(text):
    assert redacted(text) == text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Mara Lopez, MARA LOPEZ; mara lopez; Mara", "[NAME_1], [NAME_1]; mara lopez; Mara"),
        ("Will will, Müllers Mu\u0308ller", "[NAME_1] will, [NAME_2] [NAME_3]"),
        ("田中さんは Иван Ивановна", "[NAME_1]さんは [NAME_2] Ивановна"),
        ("O’Neill met Anna-Lena and Willow", "[NAME_1] met [NAME_2] and Willow"),
        ("mail Will@x.example", "mail [EMAIL_1]"),
    ],
)
def test_names_of_the_list_are_found_as_words_in_any_script(text, kept):
    assert redacted(text, NAMES) == kept


def test_a_list_of_names_is_read_as_it_is_typed_and_has_a_limit():
    assert names_in("Mara Lopez, Will;\r\n  Müller \n\nWill") == ["Mara Lopez", "Will", "Müller"]
    assert not NameList([])
    with pytest.raises(TooManyNamesError, match="20,001 names"):
        names_in("\n".join(f"n{n}" for n in range(MOST_NAMES + 1)))


@pytest.mark.parametrize(
    ("check", "right"),
    [
        (validators.luhn, "4111111111111111"),
        (validators.iban, "DE89370400440532013000"),
        (validators.steuer_id, "86095742719"),
        (validators.codice_fiscale, "RSSMRA85T10A562S"),
        (validators.dni, "12345678Z"),
        (validators.nir, "255081416802538"),
        (validators.bsn, "111222333"),
        (validators.pesel, "44051401458"),
        (validators.cpf, "52998224725"),
        (validators.ahv, "7569217076985"),
    ],
)
def test_one_wrong_digit_is_noticed(check, right):
    assert check(right)
    at = next(n for n in range(len(right) - 2, 0, -1) if right[n].isdigit())
    wrong = [right[:at] + digit + right[at + 1 :] for digit in "0123456789" if digit != right[at]]
    assert not any(check(one) for one in wrong)


HOSTILE = """a|1|1 |@|a@|a@a.|:|sk-a|eyJaaaaaaaa.|eyJ|password: |token|-----BEGIN PRIVATE KEY|A Aa |A-|a://a:|0-|+1
Xstraße 1 |12 A|1 rue a |(at|[|?key=|DE11 |12-|Via A |::|'|1.|\u0660|e\u0301|中""".replace("\n", "|").split("|")


def test_no_text_takes_more_than_its_length():
    """Eight times the text takes about eight times the processor, where a square would take 64 times: of all rules and
    kinds of hostile text together, so that the figures are large enough to compare. A megabyte is read as well."""
    redactor = Redactor(NAMES)

    def used(length):
        begun = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        for piece in HOSTILE:
            redactor.text(piece * (length // len(piece)), "prompt")
        return resource.getrusage(resource.RUSAGE_SELF).ru_utime - begun

    used(256)
    small, large = used(1_024), used(8_192)
    assert large / small < 24
    megabyte = "a: " * 349_525 + "1"
    assert redactor.text(megabyte, "prompt") == megabyte


def test_every_rule_has_a_kind_that_is_told():
    assert {rule.kind for rule in RULES} | {"NAME"} == set(KINDS)
