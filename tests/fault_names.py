"""Functions of ours of which something is to be said where they raise."""

from __future__ import annotations

RECOVERY = {
    # A message of publish_async that a stream refused for its field is sent again by these.
    "_jetstream_publish._operation_of": {"growing"},
    "_jetstream_publish._is_refused": {"growing"},
    # A class of the application's that drops a message has nats-py wait with the one before.
    "_connection.recount": {"rare"},
    "_producer.finish_publish": {"rare"},
}
"""Where they fail there, the application sees what it would without them: an error of the server,
or a message that waits for the next one."""

GIVES_BACK = {
    "_continuation.end_work",
    "_continuation._continued_in",
    "_continuation.give_back",
    "_continuation.without_continued",
    "_following.leave_for",
    "_process.end_process",
    "_process.finish_process",
    "_handoff._end",
    "_batch._finish",
}
"""By which a context is given back: where they fail, it stays."""

MORE_SPANS = {
    "_connection.Connection.add_api_prefix",
    "_reply._is_unknown",
    "_reply.with_handling",
    "_reply.with_reply",
}
"""By which something is known to have no span: where they fail, it has one."""

ENDS_SPANS = {
    "_batch._finish",
    "_publish._fail_publish",
    "_publish._finish_publish",
    "_jetstream_publish._acknowledged",
    "_jetstream_publish._finish",
    "_measured.Measured.__init__",
    "_measured.Measured.complete",
    "_measured.Measured.end",
    "_process._end",
    "_process.end_process",
    "_process.finish_process",
    "_producer.fail_operation",
    "_producer.fail_publish",
    "_producer.finish_publish",
    "_request.finish_request",
    "_telemetry.end_span",
}
"""By which a span ends, or what ends it is made: where they fail, it does not."""

QUIET = {
    # Another way is taken, in which nothing fails.
    "_plain_process._start_span",
    "_plain_publish._start_span",
    # What it says no to is left to nats-py, which has an error of its own.
    "_headers.wire_size",
    # What is told has a name by it.
    "_semconv.class_name",
}
"""Whose failure nobody is told of."""

UNREACHED = {
    "_connection.needs_credentials": "of the command",
    "_connection.has_ended": "in a task that asks another subscription, see test_chains",
    "_connection.recount": "see RECOVERY",
    "_delivery.Delivery.__deepcopy__": "called by copy for the application",
    "_delivery.Delivery.__reduce__": "called by pickle for the application",
    "_hooks.ProcessHook.__call__": "a protocol",
    "_hooks.PublishHook.__call__": "a protocol",
    "_hooks.ReceiveHook.__call__": "a protocol",
    "_hooks.RedactBody.__call__": "a protocol",
    "_jetstream_publish._finish_unwatched": "for other wrappers, see test_fault_foreign",
    "_json_stdlib.without_extensions": "the same, of what is no JSON",
    "_json_stdlib.ValueReader.__init__": "runs at the start, without msgspec",
    "_plain_publish._with_tracestate": "for samplers that write one, see test_plain_ways",
    "_metrics.Counter._observe": "called by the SDK, which takes what it raises",
    "_metrics._Failures._observe": "called by the SDK, which takes what it raises",
    "_queue_items.QueueItems.__reduce__": "called by copy for the application",
    "_subject_cache.SubjectCache._comes_again": "from the 65th subject of a connection on",
    "_subject_cache.SubjectCache._is_eighth": "from the 2049th on",
    "_series.Outcome.attributes": "called by the SDK, which takes what it raises",
}
"""Functions that no mode runs, and why."""

OF_PUBLISH_ASYNC = {
    "_jetstream_publish._finish",
    "_jetstream_publish._forget",
    "_jetstream_publish._is_refused",
    "_jetstream_publish._operation_of",
    "_jetstream_publish._pending_operation",
    "_jetstream_publish._watch",
    "_operation.Operation.forget",
}
"""Those that an old nats-py without ``publish_async`` does not need."""

OF_FAILED_NEXT_MSG = {"_receive._start_failed", "_receive.fail_receive"}
"""Those for ``next_msg`` that raises: in an old nats-py it does not on a closed connection."""
