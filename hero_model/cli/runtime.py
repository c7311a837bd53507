"""How the libraries behave while a command runs."""

from logging import ERROR, getLogger

from transformers.utils import logging


def quiet_transformers() -> None:
    """No progress bars and no warnings of its own: a command says what matters in its own words."""
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    getLogger("huggingface_hub").setLevel(ERROR)
