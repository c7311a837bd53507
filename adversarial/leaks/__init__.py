"""A leak audit of a whole release: every attack on its hidden truth that needs no video, tried on the public files.

``python -m adversarial leaks RELEASE``; what it tries and how it convicts: docs/adversarial.md.
"""
