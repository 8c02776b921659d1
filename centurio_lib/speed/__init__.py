"""Speed and memory of the study, compared with plain transformers."""
