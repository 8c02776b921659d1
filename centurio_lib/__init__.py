"""Library of the Centurio study, which asks what makes a vision-language model multilingual."""

import getpass
import os
import warnings

try:
    getpass.getuser()
except (KeyError, OSError):  # a container's user has no name, and libraries that ask for it fail: any name serves
    os.environ["USER"] = f"uid{os.getuid()}"
# in a notebook without ipywidgets tqdm draws its bars as text, which serves, but it warns at every import
warnings.filterwarnings("ignore", message="IProgress not found")
