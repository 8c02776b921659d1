"""Images and text: where they come from, and which language each sample is in."""
