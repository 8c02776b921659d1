"""Pages of the study for a browser. The pages work from file, without network."""
