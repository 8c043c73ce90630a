"""Texts as HTML, kept so that each is laid out once."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Rendering(models.Model):
    """What `arena.ui.markup` made of a text. It belongs to the text, not to who wrote it or who reads it: the key is a
    digest of the text, of how it was read and of the renderer's version. Rows may be deleted at any time."""

    key = models.CharField(max_length=64, primary_key=True)
    html = models.TextField()
    made_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return self.key
