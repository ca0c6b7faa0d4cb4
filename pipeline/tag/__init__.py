"""Text to mentions: the watch-list compiled once, applied to documents, each mention with its proof.

``prefilter`` tells in one scan which rules a text can satisfy at all; ``search`` is everything that is looked for,
compiled; ``texts`` finds it in the sentences that can hold it; ``conditions`` asks what a rule requires and excludes;
``tagger`` is the way from a document to its mentions.

Pure once built: the same text and watch-list give the same mentions. Never reads a file, a clock or the database.
"""

from pipeline.tag.tagger import NearMiss, Tagger

__all__ = ["NearMiss", "Tagger"]
