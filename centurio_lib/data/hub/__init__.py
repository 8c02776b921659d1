"""Data sets of the Hugging Face hub: fetched, converted, translated, mixed."""
