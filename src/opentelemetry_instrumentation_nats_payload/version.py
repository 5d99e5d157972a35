"""The version of this distribution, read by the build and given to the tracer."""

__version__ = "0.1.0"
