"""Library of the Centurio study, which asks what makes a vision-language model multilingual."""

import warnings

# in a notebook without ipywidgets tqdm draws its bars as text, which serves, but it warns at every import
warnings.filterwarnings("ignore", message="IProgress not found")
