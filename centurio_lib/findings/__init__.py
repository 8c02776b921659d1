"""Scores to tables, figures and verdicts. Imports the root of the library only, and never torch."""
