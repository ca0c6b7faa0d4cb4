"""Alerts: which stories and counts are told at once, and which of them go into one message. Pure.

``settings`` is their part of config.yaml, ``grouping`` decides, ``forms`` writes. ``alerting`` looks and tells.
"""
