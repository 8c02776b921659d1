"""The study as pages for a browser, from stored scores, answers and figures. They work from file, without network."""
