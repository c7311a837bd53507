"""An MTurk-compatible marketplace that a lab hosts: requester API, worker site, faults on demand.

A Django site of its own (`--settings annotation.marketplace.settings`); the platform speaks to it over HTTP only.
"""
