"""The platform's own systems: trained, and submitted like everybody's."""
