"""A day → a report. ``build`` decides what it says, ``render`` how it looks; neither asks a clock or the database."""

from pipeline.digest.build import Digest, Entry, Section, build
from pipeline.digest.render import FORMATS, render

__all__ = ["FORMATS", "Digest", "Entry", "Section", "build", "render"]
