"""The few kinds of error the person can be told about, sorted by whose fault they are.

Each carries a sentence that says what is wrong and what can be done. `detail` is for the log and
for a "show details" fold: the library's own words. Anything that is not a `PychatbotError` is a
bug of the program: logged whole, shown short.
"""


class PychatbotError(Exception):
    """An error with a sentence for the person (`str(error)`) and technical words (`detail`)."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


class ModelFileError(PychatbotError):
    """The model file is at fault: missing, damaged, unsupported, not a model that can chat."""


class OutOfMemory(PychatbotError):
    """The model and its context do not fit into the memory that is free."""


class ContextOverflow(PychatbotError):
    """A single message (with the system prompt) is longer than the context."""


class TemplateError(PychatbotError):
    """The chat template is broken, refuses the conversation or does not come to an end."""


class ModelDied(PychatbotError):
    """The model process ended by itself or was killed."""


class SettingsError(PychatbotError):
    """A setting has a value that cannot be used."""


class StorageError(PychatbotError):
    """A file of the program cannot be read or written: full disk, no permission."""


class Gone(StorageError):
    """What was asked for is not in the store any more: it was erased."""


class Cancelled(Exception):
    """The person ended it. Not an error: never shown, never logged as one."""
