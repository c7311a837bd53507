"""A second factor beside the password: codes of an app (RFC 6238), and recovery codes on paper."""
