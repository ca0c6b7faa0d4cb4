"""The list of feeds: edited in config.yaml without touching anything else, read from OPML 2.0 and written as it.

Never polls: the address of a new feed is taken as given.
"""

from __future__ import annotations

from pipeline.feedlist.editing import Added, add, add_all, check, remove
from pipeline.feedlist.opml import Outline, Skipped, read_opml, write_opml

__all__ = ["Added", "Outline", "Skipped", "add", "add_all", "check", "read_opml", "remove", "write_opml"]
