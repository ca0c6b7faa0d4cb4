"""A day → a report. ``build`` decides what it says, ``render`` how it looks; neither asks a clock or the database."""

from pipeline.digest.build import CHART_DAYS, Background, build
from pipeline.digest.changes import Change
from pipeline.digest.render import FORMATS, render
from pipeline.digest.sections import excerpt, proof_of
from pipeline.digest.values import Digest, Entry, Section

__all__ = [
    "CHART_DAYS",
    "FORMATS",
    "Background",
    "Change",
    "Digest",
    "Entry",
    "Section",
    "build",
    "excerpt",
    "proof_of",
    "render",
]
