"""What tracing costs: ``python -m benchmarks``.

Its parts have commands of their own: ``python -m benchmarks.codec``, ``.latency``, ``.startup`` and
``.handoff``.
"""
