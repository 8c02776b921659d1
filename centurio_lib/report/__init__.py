"""The study as pages for a browser, from its scores, answers and figures. The pages work from file, without network."""
