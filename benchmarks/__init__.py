"""What tracing costs: ``python -m benchmarks`` and ``python -m benchmarks.codec``."""
