"""Password hashes of people who come from Firebase, in the form that GoTrue imports.

`$fbscrypt$v=1,n=14,r=8,p=1,ss=<salt separator>,sk=<signer key>$<salt>$<hash>`, all bytes in base64: scrypt makes a key
of the password, AES-256-CTR with that key and a zero counter makes the hash of the signer key.
"""

import base64
import hmac
import re

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

PREFIX = "$fbscrypt$"
KEY_BYTES = 32
BLOCK_BYTES = 16
# Twice what Firebase uses is 32 MiB for a check; a hash that asks for more is not checked.
MEMORY_EXPONENT_MAX = 16
ROUNDS_MAX = 8
PARALLELISM_MAX = 2
_FORM = re.compile(
    r"\$fbscrypt\$v=1,n=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2}),ss=([A-Za-z0-9+/=]*),sk=([A-Za-z0-9+/=]+)"
    r"\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)",
    re.ASCII,
)


def is_affordable(hashed: str) -> bool:
    """Whether this is such a hash, and checking it costs no more than it should."""
    match = _FORM.fullmatch(hashed)
    if match is None:
        return False
    exponent, rounds, parallelism = (int(number) for number in match.groups()[:3])
    if not (1 <= exponent <= MEMORY_EXPONENT_MAX and 1 <= rounds <= ROUNDS_MAX and 1 <= parallelism <= PARALLELISM_MAX):
        return False
    try:
        return all(base64.b64decode(text, validate=True) or text == "" for text in match.groups()[3:])
    except ValueError:
        return False


def matches(password: bytes, hashed: str) -> bool:
    """Whether `password` is the one that was hashed; `hashed` is affordable."""
    match = _FORM.fullmatch(hashed)
    if match is None:
        return False
    exponent, rounds, parallelism = (int(number) for number in match.groups()[:3])
    separator, signer_key, salt, expected = (base64.b64decode(text) for text in match.groups()[3:])
    scrypt = Scrypt(salt=salt + separator, length=KEY_BYTES, n=2**exponent, r=rounds, p=parallelism)
    encryptor = Cipher(AES256(scrypt.derive(password)), CTR(bytes(BLOCK_BYTES))).encryptor()
    return hmac.compare_digest(encryptor.update(signer_key) + encryptor.finalize(), expected)
