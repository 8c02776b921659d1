"""Sources of images and text, one file each, and the fetcher of their archives."""
