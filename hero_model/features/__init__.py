"""Frame features: decoding videos, and the encoders that describe their frames."""

DEFAULT_ENCODER = "efficientnet-lite0"
