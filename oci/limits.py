"""Every bound of the engine, with its reason.

Sizes are in bytes, times in seconds unless a name says otherwise.
"""

from __future__ import annotations

from typing import Final

MIB: Final = 1024 * 1024

# --- documents that come in -------------------------------------------------------------------------------
#: A manifest is held in memory whole; registries themselves refuse more than 4 MiB.
MANIFEST_BYTES: Final = 4 * MIB
#: Children of one index; the largest seen in the field have some sixty.
CHILDREN: Final = 1000
#: Layers of one image; file systems stop at 127, artifacts may have more.
LAYERS: Final = 1000
#: Indexes within indexes, the outermost counted as 1.
INDEX_DEPTH: Final = 4
#: Brackets within brackets of a JSON text; a manifest needs six. Checked before the recursive parser sees it.
JSON_DEPTH: Final = 32
#: Values in one JSON text; 1000 layers with annotations stay far below, a text of 4 MiB of ``[]`` would
#: take 100 MiB.
JSON_VALUES: Final = 50_000
#: Beyond this a JSON text must be plain ASCII without escapes: one character beyond it makes each take four bytes.
JSON_WIDE_BYTES: Final = MIB
#: Documents beyond this are read and parsed one at a time; manifests seen in the field have a few kilobytes.
LARGE_DOCUMENT_BYTES: Final = 128 * 1024
#: What all documents of one import may take in memory together; see :mod:`oci.memory`. The largest images seen
#: take less than 3 MiB.
DOCUMENTS_WEIGHT: Final = 10 * MIB
#: Names of one list of a source, over all its pages; all are remembered so that a circle is noticed. Docker Hub's
#: largest repositories have some ten thousand tags.
LIST_NAMES: Final = 50_000
#: Characters of one JSON number; the largest signed 64-bit integer has 19 digits and a sign.
JSON_NUMBER_CHARS: Final = 32
#: The largest size a descriptor may claim: a signed 64-bit integer, as in every registry.
DESCRIPTOR_SIZE: Final = 2**63 - 1
#: All blobs of one image together: a pebibyte. Registries believe what a manifest claims, and sums of such claims must
#: stay far below what a database's integer holds.
IMAGE_BYTES: Final = 2**50
#: A token answer is a few kilobytes; a megabyte of it is an attack.
TOKEN_BODY_BYTES: Final = 64 * 1024
#: Read of an error body, and what of it may reach a person after scrubbing.
ERROR_BODY_BYTES: Final = 64 * 1024
ERROR_TEXT_BYTES: Final = 2 * 1024
#: What of any text is searched for secrets and kept: a log line with a traceback has some thousand characters.
SCRUBBED_CHARS: Final = 32 * 1024
#: One value of a log line.
LOG_VALUE_CHARS: Final = 4 * 1024
#: A whole line, which may hold a traceback.
LOG_LINE_CHARS: Final = 256 * 1024
#: All headers of one answer together.
HEADER_BYTES: Final = 64 * 1024

# --- names --------------------------------------------------------------------------------------------------
#: Of a repository, the registry not counted: what distribution's grammar allows.
REPOSITORY_CHARS: Final = 255
TAG_CHARS: Final = 128
#: A DNS name, and one label of it (RFC 1035).
HOST_CHARS: Final = 253
HOST_LABEL_CHARS: Final = 63
#: A whole reference: host, port, repository, tag and a sha512 digest, with room to spare.
REFERENCE_CHARS: Final = 1024
#: Text that a person pastes: a command line with a reference in it.
PASTED_CHARS: Final = 4096
#: A URL from a header; presigned ones carry a kilobyte or two of signature.
URL_CHARS: Final = 16 * 1024

# --- the network --------------------------------------------------------------------------------------------
REDIRECTS: Final = 5
RESOLVE_SECONDS: Final = 10.0
CONNECT_SECONDS: Final = 10.0
HEADERS_SECONDS: Final = 30.0
STALL_SECONDS: Final = 60.0
#: Bytes a second that a document (not a blob) has to come with on average, after a first stall time.
DOCUMENT_RATE: Final = 16 * 1024
#: How long an answer that nobody wants is read, so that its connection can serve again.
DISCARD_SECONDS: Final = 2.0
#: Look-ups under way at once; one that hangs keeps a thread until the system gives up.
RESOLVER_THREADS: Final = 32
#: Addresses of one name that are tried; all of them are judged.
ADDRESSES_TRIED: Final = 8
#: How long an attempt is given before the next address is tried beside it (RFC 8305).
NEXT_ADDRESS_SECONDS: Final = 0.25
#: How often a wait looks whether the import was canceled.
CANCEL_POLL_SECONDS: Final = 0.2

# --- trying again -------------------------------------------------------------------------------------------
TRIES: Final = 5
RETRY_FIRST_SECONDS: Final = 1.0
RETRY_MOST_SECONDS: Final = 30.0
#: Retries within one attempt of an import, together.
RETRY_BUDGET_SECONDS: Final = 60.0
#: A Retry-After up to here is waited out inline; beyond it the worker is freed.
INLINE_WAIT_SECONDS: Final = 60.0
#: The longest Retry-After that is believed.
MAX_WAIT_SECONDS: Final = 6 * 3600.0
#: Lifetime of a token that names none, or less.
TOKEN_SECONDS: Final = 60.0
#: A target's read-after-write may lag.
READ_BACK_SECONDS: Final = 10.0

# --- moving bytes -------------------------------------------------------------------------------------------
#: One buffer: large enough that system calls and hashing dominate, small enough for flat memory.
BUFFER_BYTES: Final = MIB
