"""Imports of whole files, alone and beside people who vote. Importing this sets Django up, on the database that the
environment names."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arena.settings")
django.setup()
