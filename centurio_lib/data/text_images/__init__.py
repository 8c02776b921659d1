"""Text in images: typesetting, documents, plots."""
