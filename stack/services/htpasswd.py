"""Lines of an htpasswd file. Distribution takes bcrypt only, which the C library's crypt(3) makes."""

from __future__ import annotations

import ctypes
import ctypes.util
import os

#: 2^5 rounds: the password is as strong as its owner made it, and every request of a client checks it again.
COST = 5
ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def htpasswd_line(username: str, password: str) -> str:
    """``username:bcrypt(password)`` and a newline.

    :raises ValueError: the name can't stand in an htpasswd file.
    :raises OSError: this system's crypt(3) has no bcrypt.
    """
    if not username or any(c in username for c in ":\r\n"):
        raise ValueError("A name in an htpasswd file can't be empty or hold a colon or a line break.")
    # The 22nd character holds two bits only; the first of the alphabet is always valid there.
    salt = "".join(ALPHABET[byte % 64] for byte in os.urandom(21)) + "."
    return f"{username}:{_crypt(password, f'$2b${COST:02d}${salt}')}\n"


def _crypt(password: str, setting: str) -> str:
    library = ctypes.CDLL(ctypes.util.find_library("crypt") or "libcrypt.so.1", use_errno=True)
    library.crypt.restype = ctypes.c_char_p
    library.crypt.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
    found = library.crypt(password.encode("utf-8"), setting.encode("ascii"))
    if not found or not found.startswith(b"$2"):
        raise OSError(ctypes.get_errno(), "crypt(3) of this system can't make bcrypt hashes")
    return str(found.decode("ascii"))
