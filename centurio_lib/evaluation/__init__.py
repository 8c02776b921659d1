"""Test items of all tasks, answers of models, and their scores."""
