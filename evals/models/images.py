"""Images of tasks and of answers, kept by their content."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Image(models.Model):
    """One image as Arena stored it: decoded, and written anew without what came with it. `sha256` and `size` are of the
    stored bytes. Tasks name theirs in `Task.images`, answers in `Generation.images`. Never deleted, like what refers to
    it."""

    class MediaType(models.TextChoices):
        PNG = "image/png", "PNG"
        JPEG = "image/jpeg", "JPEG"

    sha256 = models.CharField(max_length=64, unique=True)
    media_type = models.CharField(max_length=20, choices=MediaType)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    size = models.PositiveIntegerField()
    file = models.FileField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.sha256[:12]


class ImageSource(models.Model):
    """The bytes that an image was imported from, by their SHA-256: the same file is the same image, also once another
    version of the library would write its pixels in other bytes. `png`: it was to become a PNG, whatever it is."""

    sha256 = models.CharField(max_length=64)
    png = models.BooleanField()
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="sources")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sha256", "png"], name="image_source_once")]

    def __str__(self) -> str:
        return self.sha256[:12]
