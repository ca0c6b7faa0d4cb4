"""Copies of one piece of news told from all else: the keys under which they are found, and whether two are copies.

Pure: knows neither the database nor the order in which items arrive. ``pipeline/folding.py`` folds with it.
``compared`` is an item as it is compared, ``fingerprint`` gives its keys, ``copies`` decides; none is loaded before it
is needed, as the processes that read feeds need the first two only.
"""
