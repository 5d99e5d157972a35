"""What is instrumented; contrib tooling reads these names."""

_instruments = ("nats-py >= 2.2, < 3",)

_supports_metrics = True

_semconv_status = "development"
