"""Library of the Centurio study, which asks what makes a vision-language model multilingual."""
