"""Tagged items in the forms that other systems take. Pure: items in, bytes out; each writer streams.

A form is one small module with one function ``write(items, file, about)``.
"""

from pipeline.exports.about import About
from pipeline.exports.forms import BINARY, FORMS, writer

__all__ = ["BINARY", "FORMS", "About", "writer"]
