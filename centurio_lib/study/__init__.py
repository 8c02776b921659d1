"""The functions that notebooks call: runs, their keys, and the steps of each stage."""
