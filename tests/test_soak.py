"""What the soak counts is what there was: losses, repetitions, gaps, copies in a stream."""

from __future__ import annotations

from soak.cluster_run import Run
from soak.traffic import SIZE, Received, make


def _received(*sequences: int) -> Received:
    received = Received()
    for sequence in sequences:
        received.take(make(1, sequence))
    return received


def test_messages_in_order_have_no_gap() -> None:
    """None is missing, and none came twice."""
    received = _received(0, 1, 2)
    assert (received.count, received.missing, received.disordered) == (3, 0, 0)
    assert received.first_missing is None


def test_a_gap_is_known_by_its_first_message() -> None:
    """Also where there is another one."""
    received = _received(0, 1, 4, 7)
    assert (received.missing, received.first_missing) == (4, 2)


def test_a_message_that_came_twice_is_out_of_order() -> None:
    """And one that came late as well."""
    assert _received(0, 1, 1).disordered == 1
    assert _received(0, 2, 1).disordered == 1


def test_a_message_that_grew_carries_a_context() -> None:
    """Nothing else makes it longer."""
    received = Received()
    received.take(make(1, 0))
    received.take(make(1, 1)[:-1] + b',"_otel_trace_headers":{}}')
    assert len(make(1, 0)) == SIZE
    assert received.carried == 1


def _run(*deliveries: tuple[int, int]) -> Run:
    """Each of a number of a message, and of the sequence number in the stream."""
    run = Run()
    for number, sequence in deliveries:
        run.deliveries[number] += 1
        run.stored.setdefault(number, set()).add(sequence)
    return run


def test_a_message_with_two_sequence_numbers_is_stored_twice() -> None:
    """It was not delivered again: each of the two is delivered once."""
    run = _run((0, 1), (1, 2), (0, 3))
    assert (run.stored_twice, run.again) == (1, 0)


def test_a_sequence_number_that_comes_twice_is_delivered_again() -> None:
    """It is stored once."""
    run = _run((0, 1), (1, 2), (0, 1))
    assert (run.stored_twice, run.again) == (0, 1)


def test_a_stream_is_read_whole_where_each_of_its_messages_came() -> None:
    """Whichever came twice."""
    run = _run((0, 1), (0, 1), (1, 2))
    run.in_stream = 3
    assert not run.is_read_whole
    run.in_stream = 2
    assert run.is_read_whole


def test_an_acknowledged_message_that_never_came_is_lost() -> None:
    """Others may be lost: nobody promised them."""
    run = _run((0, 1))
    run.attempts, run.acknowledged = 3, {0, 2}
    assert run.lost == 1
