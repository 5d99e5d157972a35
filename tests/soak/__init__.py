"""Load and soak, thirty minutes in all: ``python -m tests.soak``."""
