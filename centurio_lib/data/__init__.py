"""Images and text of the study: sources, samples and the language of each sample."""
