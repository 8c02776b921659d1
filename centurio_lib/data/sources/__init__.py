"""The sources, one file each: artwork, captions, flags, declarations."""
