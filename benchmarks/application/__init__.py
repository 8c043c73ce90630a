"""A real Arena to measure: its database filled through the imports, its parts started by `manage.py up`.

Importing this sets Django up, on the database that the environment names.
"""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arena.settings")
django.setup()
