"""Beside others: web servers, loops, other instrumentations, frameworks on nats-py.

They need packages that the other tests do not: ``python -m tox -e neighbours``.
"""
