"""An engine of papermill that runs the cells of a notebook in its own process, in place of a kernel.

Magics, `display`, and figures at the end of a cell work as in a kernel. Outputs are those of a kernel.
"""

import base64
import io
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from nbformat import NotebookNode
from nbformat.v4 import new_output
from papermill.engines import Engine, papermill_engines
from traitlets import Type
from traitlets.config import Config

NAME = "in-process"


class Hook(DisplayHook):
    """Keeps the value of a cell's last line."""

    def write_output_prompt(self) -> None:
        """Print nothing before a value."""

    def write_format_data(self, format_dict: dict, md_dict: dict | None = None) -> None:
        """Keep a value."""
        self.shell.outputs.append(new_output("execute_result", encoded(format_dict), metadata=md_dict or {},
                                             execution_count=self.prompt_count))

    def finish_displayhook(self) -> None:
        """Print nothing after a value."""


class Publisher(DisplayPublisher):
    """Keeps what a cell displays."""

    def publish(self, data: dict, metadata: dict | None = None, **other: Any) -> None:
        """Keep one displayed thing."""
        self.shell.outputs.append(new_output("display_data", encoded(data), metadata=metadata or {}))


class Shell(InteractiveShell):
    """IPython without a terminal; `outputs` holds those of the present cell."""

    displayhook_class, display_pub_class = Type(Hook), Type(Publisher)
    outputs: list[NotebookNode] = []

    def enable_gui(self, gui: str | None = None) -> None:
        """Start no loop of a window system."""

    def _showtraceback(self, etype: type, evalue: BaseException, stb: list[str]) -> None:
        self.outputs.append(new_output("error", ename=etype.__name__, evalue=str(evalue), traceback=stb))


class Printed(io.TextIOBase):
    """A stream whose text becomes an output, and is printed to a file besides."""

    def __init__(self, name: str, outputs: list[NotebookNode], file: Any = None):
        self.name, self.outputs, self.file = name, outputs, file

    def write(self, text: str) -> int:
        """Add text to the last output where that is of this stream."""
        if not self.outputs or self.outputs[-1].get("name") != self.name:
            self.outputs.append(new_output("stream", name=self.name, text=""))
        self.outputs[-1].text += text
        if self.file:
            self.file.write(text)
            self.file.flush()
        return len(text)


def encoded(data: dict) -> dict:
    """Displayed data with pictures in base 64, as notebooks hold them."""
    return {kind: base64.b64encode(value).decode() if isinstance(value, bytes) else value
            for kind, value in data.items()}


def started() -> Shell:
    """The shell of this process."""
    config = Config()
    config.HistoryManager.enabled, config.InteractiveShell.colors = False, "nocolor"
    shell = Shell.instance(config=config)
    shell.enable_matplotlib("inline")
    return shell


def execute(shell: Shell, cell: NotebookNode, stdout_file: Any) -> bool:
    """Run a code cell and fill its outputs. Returns whether it ended without an error."""
    shell.outputs = []
    with (redirect_stdout(Printed("stdout", shell.outputs, stdout_file)),
          redirect_stderr(Printed("stderr", shell.outputs))):
        shell.run_cell(cell.source, store_history=True)
    cell.outputs, cell.execution_count = shell.outputs, shell.execution_count - 1
    return not any(output.output_type == "error" for output in shell.outputs)


class InProcess(Engine):
    """The engine."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, stdout_file: Any = None, **other: Any) -> None:
        """Run all cells, until one fails."""
        shell = started()
        for index, cell in enumerate(nb_man.nb.cells):
            nb_man.cell_start(cell, index)
            fine = cell.cell_type != "code" or not cell.source or execute(shell, cell, stdout_file)
            if not fine:
                nb_man.cell_exception(cell, cell_index=index)
            nb_man.cell_complete(cell, cell_index=index)
            if not fine:
                break


def register() -> str:
    """Make the engine known to papermill, and return its name."""
    papermill_engines.register(NAME, InProcess)
    return NAME
