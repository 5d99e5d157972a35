"""One HTML page with the waterfall of a trace: no script, and nothing from elsewhere."""

from .page import render_page

__all__ = ["render_page"]
