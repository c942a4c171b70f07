"""What a file is that was taken for a GGUF file: by its first bytes, in words for the person."""

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive (or a PyTorch model, which is one)"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"\x7fELF", "a Linux program"),
    (b"\x89HDF", "an HDF5 file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"MZ", "a Windows program"),
)
_OLD_GGML = (b"lmgg", b"fmgg", b"tjgg", b"algg")
_ARCHIVES = ("zip", "gzip", "7-Zip", "RAR", "xz", "bzip2", "Zstandard")


def look_alike(start: bytes, size: int) -> str:
    """Say what a file of `size` bytes is whose first bytes (some hundred) are `start`.

    A sentence without its subject: "is a PDF document, not a model. Choose a .gguf file."
    """
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return (
            "is a web page saved as a model. Download the model file itself: "
            "use the page's download button, not “Save page as”."
        )
    if start.startswith(b"version https://git-lfs"):
        return (
            "is only a pointer to the model (Git LFS), a few lines of text. "
            "Fetch the model itself with “git lfs pull”, or download it from its page."
        )
    if start[:4] in _OLD_GGML:
        return (
            "is a model in the old GGML format of 2023, which is no longer supported. "
            "Choose a version of it in the GGUF format."
        )
    if start[8:9] == b"{" and 0 < int.from_bytes(start[:8], "little") < size:
        return (
            "is a model in the safetensors format, which cannot be opened here. "
            "Choose a version of it in the GGUF format."
        )
    for magic, what in _STARTS:
        if start.startswith(magic):
            advice = (
                "If the model is inside, unpack it and open the .gguf file."
                if any(archive in what for archive in _ARCHIVES)
                else "Choose a .gguf file."
            )
            return f"is {what}, not a model. {advice}"
    if not start.strip(b"\0"):
        return "holds only zeros: its download was interrupted or went wrong. Download it again."
    what = "text" if _is_text(start) else "something else"
    return f"is not a model in the GGUF format: it holds {what}. Choose another .gguf file."


def _is_text(start: bytes) -> bool:
    # The last character may be cut.
    words = start.decode(errors="replace").rstrip("\ufffd")
    return all(letter.isprintable() or letter in "\t\r\n\f" for letter in words)
