"""The error that ends the demonstration with one line instead of a traceback."""


class DemoError(Exception):
    """Something that the user can put right, told in the message."""
