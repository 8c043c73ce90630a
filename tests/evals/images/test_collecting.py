"""A task with an image is asked, and an answer that is an image is stored, from claim to row."""

from __future__ import annotations

import base64
import errno
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from arena.media import FolderStorage
from evals.catalog.images.encoding import encode
from evals.catalog.images.references import reference_to
from evals.catalog.images.storing import image_bytes
from evals.collection import calls
from evals.collection.services import RunError
from evals.models import Attempt, Contender, Generation, Image
from tests.servers import DONE, chunk, returns, says, usage
from tests.suites import collect_all, serve, suite  # noqa: F401 (fixtures)

from .pictures import BLUE, picture, store_image


class FullTwice(FolderStorage):
    """A disk that is full for the first two images."""

    left = 2

    def _save(self, name, content):
        if self.left:
            self.left -= 1
            raise OSError(errno.ENOSPC, "No space left on device")
        return super()._save(name, content)


def image_task(suite, data, **fields):  # noqa: F811
    image = store_image(data)
    parts = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": reference_to(image.sha256)}}]
    suite.task("a picture", messages=[{"role": "user", "content": parts}], images=[image.sha256], **fields)
    return image


def test_a_contender_with_vision_is_sent_the_image(suite):  # noqa: F811
    image = image_task(suite, picture("JPEG"))
    suite.run(suite.contender(capabilities=["vision"]))

    collect_all()

    [request] = suite.servers["local"].requests
    url = request["messages"][0]["content"][1]["image_url"]["url"]
    assert base64.b64decode(url.removeprefix("data:image/jpeg;base64,")) == image_bytes(image.sha256)
    assert Generation.objects.get().text == "Hello there."


def test_one_without_is_named_before_anything_is_asked(suite):  # noqa: F811
    image_task(suite, picture())
    suite.task("only text")
    seeing, blind = suite.contender("seeing", capabilities=["vision"]), suite.contender("blind", capabilities=["tools"])

    with pytest.raises(RunError, match=r"1 of the tasks have images.*lack the capability “vision”: blind") as caught:
        suite.run(seeing, blind)

    assert caught.value.field == "contenders"
    assert not Generation.objects.exists()


def test_one_that_lost_it_meanwhile_is_refused(suite):  # noqa: F811
    image_task(suite, picture())
    contender = suite.contender(capabilities=["vision"])
    suite.run(contender)
    Contender.objects.update(capabilities=[])

    collect_all()

    generation = Generation.objects.get()
    assert (generation.state, generation.error) == ("failed", "bad_request")
    assert "lacks the capability “vision”" in generation.error_detail
    assert suite.servers["local"].requests == []


def test_a_file_that_is_gone_is_an_error_that_names_it(suite):  # noqa: F811
    part = {"type": "image_url", "image_url": {"url": reference_to("0" * 64)}}
    suite.task("gone", images=["0" * 64], messages=[{"role": "user", "content": [part]}])
    suite.run(suite.contender(capabilities=["vision"]))

    collect_all()

    assert "bring it back from a backup" in Generation.objects.get().error_detail


def drawn(data):
    url = f"data:image/webp;base64,{base64.b64encode(data).decode()}"
    return says(
        chunk(images=[{"type": "image_url", "image_url": {"url": url}}]), chunk(finish="stop"), usage(12, 5), DONE
    )


def test_an_answer_that_is_an_image_is_stored(suite):  # noqa: F811
    suite.task(checks=[{"type": "contains", "value": "cat"}, {"type": "max_chars", "value": 3}])
    suite.run(suite.contender(provider=suite.provider("painter", drawn(picture("WEBP", color=BLUE)))))

    collect_all()

    generation, stored = Generation.objects.get(), encode(picture("WEBP", color=BLUE), only_png=True)
    assert (generation.state, generation.text, generation.images) == ("done", "", [stored.sha256])
    assert image_bytes(stored.sha256) == stored.data
    assert Image.objects.get().media_type == "image/png"
    # Checks read the text, which is empty; a price nobody told is unknown.
    assert [check["ok"] for check in generation.checks] == [False, True]
    assert (generation.cost_usd, generation.tokens_out, generation.quarantine) == (None, 5, "")
    assert generation.latency_ms is not None


def test_an_image_that_cannot_be_read_is_paid_for_once(suite):  # noqa: F811
    suite.task()
    provider = suite.provider("painter", drawn(b"<svg>"))
    suite.run(suite.priced(provider=provider))

    collect_all()

    generation, attempt = Generation.objects.get(), Attempt.objects.get()
    assert (generation.state, generation.error) == ("failed", "not_text")
    assert "an image in the answer is not an image that can be read" in generation.error_detail
    assert (attempt.cost_usd, attempt.tokens_out, attempt.status_code) == (Decimal("0.017"), 5, 200)
    assert not Image.objects.exists()


def test_an_image_waits_for_its_place_and_is_asked_for_once(suite, settings, monkeypatch):  # noqa: F811
    monkeypatch.setattr(calls, "_KEPT_AGAIN_AFTER_S", (0.0, 0.0))
    place = settings.STORAGES["default"]
    settings.STORAGES = {**settings.STORAGES, "default": {**place, "BACKEND": f"{__name__}.FullTwice"}}
    suite.task()
    suite.run(suite.contender(provider=suite.provider("painter", drawn(picture(color=BLUE)))))

    collect_all()

    generation = Generation.objects.get()
    assert (generation.state, generation.images) == ("done", [Image.objects.get().sha256])
    assert len(suite.servers["painter"].requests) == 1


def test_where_a_place_stays_full_the_error_names_it_and_the_next_call_waits(suite, media, monkeypatch):  # noqa: F811
    monkeypatch.setattr(calls, "_KEPT_AGAIN_AFTER_S", (0.0,))
    media.write_bytes(b"a file where the folder should be")
    suite.task()
    suite.run(suite.priced(provider=suite.provider("painter", drawn(picture(color=BLUE)))))

    collect_all()

    generation, attempt = Generation.objects.get(), Attempt.objects.get()
    assert (generation.state, generation.error, attempt.error) == ("waiting", "internal", "internal")
    assert "could not be kept: " in attempt.error_detail
    assert "Make room under ARENA_MEDIA" in attempt.error_detail
    assert generation.not_before - timezone.now() > timedelta(minutes=14)
    assert (attempt.cost_usd, attempt.tokens_out, attempt.status_code) == (Decimal("0.017"), 5, 200)


def test_where_no_images_are_kept_the_answer_fails_and_names_the_variable(suite, settings):  # noqa: F811
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "arena.media.NoStorage", "OPTIONS": {"variable": "ARENA_MEDIA"}},
    }
    suite.task()
    suite.run(suite.contender(provider=suite.provider("painter", drawn(picture()))))

    collect_all()

    assert "ARENA_MEDIA is not set" in Generation.objects.get().error_detail


def test_replicates_image_is_fetched_and_stored(suite):  # noqa: F811
    def prediction(talk):
        output = f"http://{talk.headers['host']}/out.png"
        returns({"status": "succeeded", "output": output})(talk)

    data = picture(color=BLUE)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(data)
    suite.task()
    provider = suite.provider("replicate", prediction, says(data, head=head), kind="replicate")
    contender = suite.contender(provider=provider)
    Contender.objects.update(model_name="stability-ai/sdxl")
    suite.run(contender)

    collect_all()

    generation = Generation.objects.get()
    assert (generation.error_detail, generation.images, generation.cost_usd) == ("", [encode(data).sha256], None)
