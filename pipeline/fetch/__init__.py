"""The one door to the network: a feed, a page, a hub, politely, within bounds of time, bytes and addresses."""

from pipeline.fetch.fetcher import FEEDS, PAGES, Fetcher, Permit

__all__ = ["FEEDS", "PAGES", "Fetcher", "Permit"]
