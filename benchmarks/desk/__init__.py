"""What a team's year leaves in the database, and every page asked over it. Importing this sets Django up, on the
database that the environment names."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arena.settings")
django.setup()
