#!/usr/bin/env python
"""Arena's command line: `manage.py help` lists the commands, each has `--help` with an example."""

import gc
import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    # A thousand modules load at the start, and looking for garbage among them took a tenth of it.
    gc.set_threshold(100_000)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arena.settings")
    execute_from_command_line(sys.argv)
