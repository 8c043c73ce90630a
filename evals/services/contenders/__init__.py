"""Contenders and their providers: saved, imported, probed for where they may be reached, and their keys."""
