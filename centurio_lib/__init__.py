"""Centurio, reproducible: what makes a vision-language model multilingual? Every line of the study's logic."""
