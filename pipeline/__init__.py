"""watchfloor: poll feeds, tag what an analyst watches, keep the proof, report every day."""

__version__ = "0.1.0"
