"""Copies of one piece of news told from all else: the keys under which they are found, and whether two are copies.

Pure: knows neither the database nor the order in which items arrive. ``pipeline/folding.py`` folds with it.
"""

from pipeline.stories.copies import Copy, is_copy
from pipeline.stories.fingerprint import keys_of

__all__ = ["Copy", "is_copy", "keys_of"]
