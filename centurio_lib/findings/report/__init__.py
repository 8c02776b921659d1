"""The study as pages for a browser, made of stored scores, answers and figures; they work from file, without network."""
