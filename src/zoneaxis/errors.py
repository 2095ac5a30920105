"""The one error a user meets: input that cannot be read or used, said in one line."""


class InputError(ValueError):
    """Bad input: the message says in one line what is wrong, where, and what would be right.

    The command line prints the message and leaves with exit code 2; nothing is written.
    """
