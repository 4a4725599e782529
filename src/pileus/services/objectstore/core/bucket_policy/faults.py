"""What is wrong with a policy."""


class Malformed(ValueError):
    """The text is no policy that would be obeyed in every word; the message names the word."""
