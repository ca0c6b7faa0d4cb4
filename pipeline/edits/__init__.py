"""Edits: which changed items were edited and which only touched, and what an edit changed.

Pure: values in, values out. ``touched`` decides about the changes of a poll, ``differences`` shows them.
"""

from pipeline.edits.differences import Edit, Mark, Piece, edits_of, shortened
from pipeline.edits.touched import Pair, are_edits

__all__ = ["Edit", "Mark", "Pair", "Piece", "are_edits", "edits_of", "shortened"]
