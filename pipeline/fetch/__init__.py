"""The one door to the network: a feed, a page, a hub, politely, within bounds of time, bytes and addresses."""

from pipeline.fetch.fetcher import FEEDS, MOST_LARGE, PAGES, Fetcher, Permit

__all__ = ["FEEDS", "MOST_LARGE", "PAGES", "Fetcher", "Permit"]
