"""A one-time link stays out of the log: whoever reads that could use it first."""

from __future__ import annotations

import logging

import pytest
from django.test import Client
from django.urls import reverse

from arena.accounts.services import create_sign_in_link
from arena.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def written(caplog: pytest.LogCaptureFixture):
    """The log's lines, as the console's handler writes them."""
    caplog.set_level(logging.INFO)
    [console] = [handler for handler in logging.getLogger().handlers if type(handler) is logging.StreamHandler]
    return lambda: "\n".join(console.format(record) for record in caplog.records)


def test_opening_and_using_a_link_leaves_no_token_in_the_log(written, viewer_user: User):
    token = create_sign_in_link(user=viewer_user)
    client = Client()
    client.get(reverse("accounts:link", args=[token]))
    client.post(reverse("accounts:link", args=[token]))
    assert "/accounts/link/…" in written()
    assert token not in written()


def test_nor_does_a_link_whose_form_was_refused(written, viewer_user: User):
    token = create_sign_in_link(user=viewer_user)
    Client(enforce_csrf_checks=True).post(reverse("accounts:link", args=[token]))
    assert "Forbidden" in written()
    assert token not in written()
