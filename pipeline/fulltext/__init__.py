"""Full text: what an item's own page says, whether it may stand for the feed's text, and when to look again.

``extract`` makes text of a page's bytes, ``choose`` decides between it and the feed's text, ``next_try`` says when the
page is asked for again. All pure: the page comes from the fetcher, the clock is an argument.
"""

from __future__ import annotations

from pipeline.fulltext.choice import Choice, choose
from pipeline.fulltext.page import PageText, extract
from pipeline.fulltext.retries import PageOutcome, next_try, outcome_of_status

__all__ = ["Choice", "PageOutcome", "PageText", "choose", "extract", "next_try", "outcome_of_status"]
