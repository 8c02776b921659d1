"""Speed and memory of the study beside the plain way."""
