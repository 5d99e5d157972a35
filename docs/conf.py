"""Sphinx reads this: ``python -m tox -e docs`` builds docs/_build/html, and warnings are errors."""

from __future__ import annotations

from importlib import metadata

project = "opentelemetry-instrumentation-nats-payload"
author = "opentelemetry-instrumentation-nats-payload authors"
copyright = "2026, " + author  # noqa: A001
version = release = metadata.version(project)

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "generated"]
highlight_language = "text"
nitpicky = False
autodoc_typehints = "description"
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = "NATS tracing in the payload"
html_show_sphinx = False
