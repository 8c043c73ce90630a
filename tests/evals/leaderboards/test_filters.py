"""Which contenders a leaderboard shows: read from the address, kept in its links and files, and never a new ranking."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from xml.etree import ElementTree

import pytest
from django.urls import reverse

from evals.leaderboards.filters import read_board_filters
from evals.leaderboards.ranking import rank_category
from evals.models import Contender
from tests.evals.ratings.votes import simulate
from tests.evals.voting.casting import cast, category, contenders

STRENGTHS = {"atlas": 0.0, "kestrel": 0.7, "morrow": 1.4}


@pytest.mark.parametrize("price", ["cheap", "-1", "nan", "inf", "1e99"])
def test_a_price_that_cannot_be_read_filters_nothing_and_is_an_error(price):
    read = read_board_filters({"price": price, "local": "yes", "capability": "x" * 41})
    assert not read.any
    assert set(read.errors) == {"price", "local", "capability"}


@pytest.mark.django_db
@pytest.mark.runs_once(on="sqlite", because="rows are chosen after they were read")
def test_filters_choose_rows_and_stay_in_links_and_files(client_of, viewer_user):
    contenders(*STRENGTHS)
    code = category()
    cast(code, simulate(STRENGTHS, 100, seed=1))
    rank_category(category_id=code.pk)
    dear = {"usd_per_mtok_input": Decimal(1), "usd_per_mtok_output": Decimal(9)}
    Contender.objects.filter(slug="morrow").update(capabilities=["vision"], **dear)
    Contender.objects.filter(slug="kestrel").update(capabilities=["vision"], **{**dear, "usd_per_mtok_output": 2})
    client = client_of(viewer_user)
    address, file = reverse("evals:leaderboard", args=["code"]), reverse("evals:leaderboard-csv", args=["code"])
    whole = {row.slug: row for row in client.get(address).context["table"].rows}
    found = client.get(address, {"capability": "vision", "price": "2", "for": "people"})
    # The price of atlas is not known.
    assert [row.slug for row in found.context["table"].rows] == ["kestrel"]
    assert found.context["heat"].names == ("kestrel",)
    html = found.content.decode()
    assert "?for=panel&amp;price=2&amp;capability=vision" in html
    assert f"{file}?for=people&amp;price=2&amp;capability=vision" in html
    (row,) = csv.DictReader(io.StringIO(client.get(file, {"price": "2"}).content.decode()))
    assert (row["contender"], f"{row['rank_best']}–{row['rank_worst']}") == ("kestrel", whole["kestrel"].rank)
    whole_file = client.get(reverse("evals:leaderboard-json", args=["code"]), {"price": "2", "for": "people"})
    document = json.loads(whole_file.content)
    assert (document["speaks_for"], document["filters"]) == ("people", {"price": "2"})
    (rating,) = document["ratings"]
    assert (rating["contender"], rating["ci95"], rating["measured"]["usd_per_success"]) == (
        "kestrel", rating["ci95_people"], None,
    )  # fmt: skip
    drawing = client.get(reverse("evals:leaderboard-svg", args=["code"]), {"price": "2"}).content.decode()
    words = "".join(ElementTree.fromstring(drawing).itertext())
    assert "kestrel" in words
    assert "morrow" not in words
    assert client.get(address, {"local": "1"}).context["table"].rows == ()
    assert client.get(file, {"price": "cheap"}).status_code == 400


@pytest.mark.django_db
@pytest.mark.runs_once(on="sqlite", because="what a page draws of rows that were read")
def test_quality_is_drawn_against_what_the_address_says(client_of, viewer_user):
    contenders(*STRENGTHS)
    code = category()
    cast(code, simulate(STRENGTHS, 100, seed=1))
    rank_category(category_id=code.pk)
    for slug, name in (("atlas", "atlas-1b"), ("kestrel", "kestrel-8b")):
        Contender.objects.filter(slug=slug).update(model_name=name)
    client, address = client_of(viewer_user), reverse("evals:leaderboard", args=["code"])
    found = client.get(address, {"x": "size", "for": "people"})
    assert {mark.name for mark in found.context["plot"].marks} == {"atlas", "kestrel"}
    html = " ".join(found.content.decode().split())
    assert "Rating against parameters; nothing is both better and smaller than atlas, kestrel" in html
    assert "left out: the model’s name says no size." in html
    assert "?for=people&amp;x=latency#cost" in html
    assert "No latencies yet" in client.get(address, {"x": "latency"}).content.decode()
    assert "Quality against cost" in client.get(address, {"x": "colour"}).content.decode()
