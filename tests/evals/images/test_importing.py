"""Images come in with task files and answers, from files beside them, uploads, data URLs and addresses, and go out so
that they can come in again."""

from __future__ import annotations

import base64
import io
import json
import os
import struct
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError

from evals.catalog.images.encoding import encode
from evals.catalog.images.references import reference_to
from evals.catalog.names import BadValueError
from evals.models import Generation, Image, Task, TaskSetVersion
from evals.transfer.exports import export_generations, export_task_set
from evals.transfer.files.errors import BadRowsError, UnreadableError
from evals.transfer.images import FilesBeside, ImportedImages, ImportLimits, UploadedFiles
from evals.transfer.tasks import import_tasks
from tests.evals.transfer.conftest import file, nothing_written, run  # noqa: F401 (a fixture)
from tests.examples import examples
from tests.servers import misbehaving, says

from .pictures import BLUE, picture, read

pytestmark = pytest.mark.django_db

CAT, DOG = picture("JPEG"), picture(color=BLUE)
INLINE = f"data:image/png;base64,{base64.b64encode(DOG).decode()}"


def row(*attachments, **fields):
    return json.dumps(
        {"id": "1", "category": "Pictures", "prompt": "What is this?", "attachments": attachments} | fields
    )


def imported(*attachments, **options):
    return import_tasks(source=file(row(*attachments), "tasks.jsonl"), task_set="pictures", **options)


def errors(*attachments, **options):
    with nothing_written(), pytest.raises(BadRowsError) as caught:
        imported(*attachments, **options)
    return str(caught.value)


def test_a_file_beside_the_import_becomes_part_of_the_task(run, tmp_path):  # noqa: F811
    (tmp_path / "pics").mkdir()
    (tmp_path / "pics" / "cat.jpg").write_bytes(CAT)

    words = run("import_tasks", row("pics/cat.jpg", INLINE), suffix=".jsonl", task_set="pictures")

    task, kept = Task.objects.get(), [encode(CAT), encode(DOG)]
    assert "1 with images" in words
    assert task.images == [image.sha256 for image in kept]
    assert task.messages[0]["content"] == [
        {"type": "text", "text": "What is this?"},
        *({"type": "image_url", "image_url": {"url": reference_to(image.sha256)}} for image in kept),
    ]
    assert {image.sha256: image.file.read() for image in Image.objects.all()} == {one.sha256: one.data for one in kept}


def test_the_same_file_again_changes_nothing_also_if_its_pixels_were_written_otherwise(monkeypatch):
    """As another version of the library might: the digest of a task must not move with it."""
    imported(INLINE)
    sha256 = Image.objects.get().sha256
    other = encode(picture(color=(1, 2, 3)))
    monkeypatch.setattr("evals.transfer.images.encode", lambda data, **_: other)

    assert imported(INLINE).unchanged
    assert Task.objects.get().images == [sha256]


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_the_example_in_images_md(tmp_path):
    [example] = [one for one in examples("docs/images.md") if one.language == "json"]
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "4711.png").write_bytes(DOG)

    done = import_tasks(source=file(example.text), task_set="docs", image_files=FilesBeside(tmp_path))

    assert (done.tasks_new, done.with_images) == (1, 1)


def test_another_picture_under_the_same_name_is_another_task():
    names = [UploadedFiles([("a.png", io.BytesIO(data))]) for data in (CAT, DOG)]

    first, second = (imported("a.png", image_files=files) for files in names)

    assert (first.version, second.version, second.tasks_new) == (1, 2, 1)


def test_a_dry_run_and_a_refused_file_leave_nothing(tmp_path, media):
    with nothing_written():
        assert imported(INLINE, dry_run=True).with_images == 1
    assert "image 2" in errors(INLINE, "missing.png", image_files=FilesBeside(tmp_path))
    assert not media.exists()


def test_files_outside_of_the_folder_are_not_read(tmp_path):
    inside = tmp_path / "import"
    inside.mkdir()
    (tmp_path / "secret.png").write_bytes(DOG)
    (inside / "link.png").symlink_to(tmp_path / "secret.png")
    os.mkfifo(inside / "pipe.png")
    files = FilesBeside(inside)

    for name, words in {
        "../secret.png": "leaves the folder",
        str(tmp_path / "secret.png"): "leaves the folder",
        "a/../../secret.png": "leaves the folder",
        "link.png": "is a link that leaves the folder",
        "pipe.png": "is not a file",
        ".": "is not a file",
        "none.png": "is not there, beside the import file",
    }.items():
        assert words in errors(name, image_files=files), name


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
@pytest.mark.parametrize(
    ("attachment", "words"),
    [
        ("cat.png", "image 1 (“cat.png”) is neither a data: URL nor an http(s) address; files cannot be sent here"),
        ("data:image/png,abc", "is not base64"),
        ("data:image/png;base64,%%%", "is not base64"),
        (f"data:image/png;base64,{base64.b64encode(b'<svg/>').decode()}", "is not an image that can be read"),
        ("", "has no address"),
        (f"image:sha256:{'0' * 64}", "is not stored here"),
        ("http://169.254.169.254/latest", "cannot be fetched: 169.254.169.254"),
        ("http://localhost:1/a.png", "ARENA_OUTBOUND_ALLOW"),
        (7, "attachment 1 is neither an image nor a text"),
        ({"name": "a.png", "url": "x"}, "attachment 1 is neither an image nor a text"),
    ],
)
def test_what_is_no_image_is_an_error_of_its_line(settings, attachment, words):
    settings.ARENA_OUTBOUND_ALLOW = []

    assert words in errors(attachment)
    assert "line 1: " in errors(attachment)


def test_a_task_has_so_many_images_and_no_more():
    assert "has 17 images; the limit is 16" in errors(*[INLINE] * 17)


def test_an_import_has_so_many_images_bytes_and_fetches():
    assert "the limit of an import is 1." in errors(INLINE, _url(CAT), image_limits=ImportLimits(images=1))
    assert "its limit of 0 MiB of images" in errors(INLINE, image_limits=ImportLimits(total_bytes=10))
    assert "the limit is 0. Send the files" in errors("http://localhost:1/", image_limits=ImportLimits(fetches=0))


def _url(data):
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


def test_an_address_is_fetched_once_for_all_tasks(settings):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(DOG)
    with misbehaving(says(DOG, head=head)) as server:
        settings.ARENA_OUTBOUND_ALLOW = [f"127.0.0.1:{server.port}"]
        url = f"{server.origin}/dog"
        tasks = "\n".join([row(url), row(url, id="2", prompt="Which animal?")])
        import_tasks(source=file(tasks, "tasks.jsonl"), task_set="pictures")

        assert [task.images for task in Task.objects.all()] == [[encode(DOG).sha256]] * 2
        assert server.asked == ["GET /dog"]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (says(head=b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n"), "302, where 200"),
        (says(b"<html>", head=b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"), "is not an image"),
        (says(DOG[:20], head=b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"), "cannot be fetched"),
    ],
)  # fmt: skip
def test_an_address_that_gives_no_image(settings, script, words):
    with misbehaving(script) as server:
        settings.ARENA_OUTBOUND_ALLOW = [f"127.0.0.1:{server.port}"]
        assert words in errors(f"{server.origin}/x")


def archive(**files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in files.items():
            packed.writestr(name.replace("__", "/"), data)
    stream.seek(0)
    return stream


def test_uploads_are_found_by_name_and_in_archives_by_path():
    files = UploadedFiles([("dog.png", io.BytesIO(DOG)), ("pics.zip", archive(pics__cat=CAT))])

    assert (files.read("pics/cat"), files.read("./dog.png"), files.read("any/where/dog.png")) == (CAT, DOG, DOG)
    with pytest.raises(BadValueError, match="was not uploaded"):
        files.read("../pics/cat")


def test_archives_are_bounded():
    bomb = UploadedFiles([("bomb.zip", archive(zeros=bytes(40 << 20)))])
    assert len(bomb.read("zeros")) == (20 << 20) + 1

    many = archive(a=b"").getvalue()
    at = many.rindex(b"PK\x05\x06")
    claims = many[: at + 10] + b"\xff\xff" + many[at + 12 :]
    for data, words in {claims: "holds too many files", many[: at + 4]: "is cut off"}.items():
        with pytest.raises(UnreadableError, match=words):
            UploadedFiles([("many.zip", io.BytesIO(data))])
    with pytest.raises(UnreadableError, match="Two images are called a"):
        UploadedFiles([("a", io.BytesIO(CAT)), ("a", io.BytesIO(DOG))])
    packed = archive(a=DOG).getvalue()
    damaged = UploadedFiles([("a.zip", io.BytesIO(packed[:40] + b"\xff\xff" + packed[42:]))])
    with pytest.raises(BadValueError, match="cannot be unpacked"):
        damaged.read("a")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_unpack_everything_at_once_are_not_read(method):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as packed:
        packed.writestr("zeros", bytes(1 << 20))
    stream.seek(0)

    with pytest.raises(BadValueError, match="Pack the archive with deflate"):
        UploadedFiles([("bomb.zip", stream)]).read("zeros")


def test_an_archive_whose_extended_directory_says_something_else_is_refused_before_it_is_read():
    packed = archive(a=b"", b=b"", c=b"").getvalue()
    at = packed.rindex(b"PK\x05\x06")
    entries, size, start = struct.unpack_from("<HLL", packed, at + 10)
    extended = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, entries, entries, size, start)
    place = struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)
    plain = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 46, start, 0)

    data = packed[:at] + extended + place + plain
    assert len(zipfile.ZipFile(io.BytesIO(data)).namelist()) == entries  # and not one, as the plain one says
    with pytest.raises(UnreadableError, match="holds too many files"):
        UploadedFiles([("many.zip", io.BytesIO(data))])


@pytest.mark.on_both(because="its queries run on PostgreSQL nowhere else")
def test_the_page_takes_images_with_the_task_file(client_of, editor_user):
    tasks = row("dog.png", "pics/cat.jpg") + "\n"
    given = {"slug": "pictures", "act": "check"}

    def files():
        packed = archive(**{"pics/cat.jpg": CAT}).getvalue()
        images = [SimpleUploadedFile("dog.png", DOG), SimpleUploadedFile("all.zip", packed)]
        return {"file": SimpleUploadedFile("t.jsonl", tasks.encode()), "images": images}

    client = client_of(editor_user)
    with nothing_written():
        checked = client.post("/task-sets/new/", given | files(), headers={"HX-Request": "true"})
    assert "1 task with images" in " ".join(checked.text.split())

    client.post("/task-sets/new/", given | files() | {"act": "import"})

    task = Task.objects.get()
    assert task.images == [encode(DOG).sha256, encode(CAT).sha256]
    page = client.get("/task-sets/pictures/").text
    assert f'src="/tasks/{task.pk}/images/2/"' in page
    assert read(client.get(f"/tasks/{task.pk}/images/2/").content).format == "JPEG"
    assert client.get(f"/tasks/{task.pk}/images/3/").status_code == 404
    assert read(client.get(f"/api/v1/tasks/{task.pk}/images/2").content).format == "JPEG"


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_task_set_goes_out_and_comes_in_as_it_was(run, tmp_path, suffix):  # noqa: F811
    import_tasks(
        source=file("\n".join([row(_url(CAT), INLINE), row(id="2", attachments=[])]), "tasks.jsonl"),
        task_set="pictures",
    )
    before = list(Task.objects.order_by("pk").values_list("digest", flat=True))
    path = tmp_path / f"out.{suffix}"

    export_task_set(slug="pictures", path=path)
    assert "unchanged" in run("import_tasks", path, task_set="pictures")

    assert list(Task.objects.order_by("pk").values_list("digest", flat=True)) == before
    assert sorted(one.suffix for one in (tmp_path / "out-images").iterdir()) == [".jpg", ".png"]
    assert TaskSetVersion.objects.count() == 1


def test_answers_that_are_images_come_in_and_go_out(run, tmp_path):  # noqa: F811
    import_tasks(source=file("id,category,prompt\n1,Drawing,A cat.\n2,Drawing,A dog."), task_set="pictures")
    (tmp_path / "cat.jpg").write_bytes(CAT)
    rows = [
        {"task": "1", "model": "flux", "images": ["cat.jpg"]},
        {"task": "1", "model": "sd", "text": "Here:", "images": [INLINE, INLINE]},
    ]
    words = run("import_generations", "\n".join(map(json.dumps, rows)), suffix=".jsonl", task_set="pictures")

    assert "2 new answers" in words
    flux, sd = Generation.objects.order_by("contender__slug")
    assert (flux.text, flux.images) == ("", [encode(CAT, only_png=True).sha256])
    assert (sd.text, sd.images) == ("Here:", [encode(DOG).sha256] * 2)
    assert set(Image.objects.values_list("media_type", flat=True)) == {"image/png"}

    path = tmp_path / "answers.csv"
    export_generations(path=path, task_set="pictures")
    assert "0 new answers" in run("import_generations", path, task_set="pictures")
    with pytest.raises(CommandError, match="has no text"):
        run("import_generations", '{"task": "1", "model": "flux", "images": []}', suffix=".jsonl", task_set="pictures")


def test_the_drafts_of_an_import_are_gone_at_its_end():
    with ImportedImages() as images:
        images.named([INLINE])
        [folder] = [images._folder]
        assert list(folder.iterdir())

    assert not folder.exists()
