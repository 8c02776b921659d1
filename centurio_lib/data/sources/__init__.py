"""Where images and text come from: one file a source, and the fetcher of the archives that they lie in."""
