"""Django's engine for PostgreSQL, with less to say to it: name this package as `ENGINE`."""
