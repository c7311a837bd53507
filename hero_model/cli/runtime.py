"""How the libraries behave while a command runs."""

from huggingface_hub.utils import logging as hub_logging
from transformers.utils import logging


def quiet_transformers() -> None:
    """No progress bars and no warnings of its own: a command says what matters in its own words."""
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    hub_logging.set_verbosity_error()
