"""The console command ``nats-trace-audit``: which messages carry a trace context.

A client of its own that listens, and never publishes. Nothing else in the package imports it.
"""
