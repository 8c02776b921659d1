"""Base models: those of the Python package index, and the small ones that a profile builds."""
