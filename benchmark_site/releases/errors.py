"""The one error that ends a build for good."""


class BuildError(Exception):
    """The release cannot be built from these rows, however often it is tried; the message says what to mend."""
