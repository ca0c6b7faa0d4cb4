"""How a well-behaved feed reader acts, case by case: every feed is served byte for byte on loopback, polled by the
whole pipeline over several phases, and judged by what the database holds and by what the server saw.

A case of ../shared/fetching-cases.md is a test of the same name (cond-etag is ``test_cond_etag``), whose docstring ends
with the source that file names; the tests below them in each file are more of the same group.
"""
