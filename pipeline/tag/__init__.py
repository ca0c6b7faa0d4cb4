"""Text to mentions: the watch-list compiled once, applied to documents, each mention with its proof.

``prefilter`` tells in one scan which documents can hold a mention at all; ``search`` finds words, phrases and patterns
in the sentences that can hold them (spaCy); ``conditions`` asks what a rule requires and excludes; ``tagger`` is the
way from a document to its mentions.

Pure once built: the same text and watch-list give the same mentions. Never reads a file, a clock or the database.
"""

from pipeline.tag.tagger import NearMiss, Tagger

__all__ = ["NearMiss", "Tagger"]
