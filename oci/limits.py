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
DOCUMENTS_COST: Final = 10 * MIB
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
#: Cleaning up after an import: of each of the above.
CLEANUP_SECONDS: Final = 5.0
#: Bytes a second that a document (not a blob) has to come with on average, after a first stall time.
DOCUMENT_RATE: Final = 16 * 1024
#: How long an answer that no one wants is read, so that its connection can serve again.
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
MAX_RETRY_SECONDS: Final = 30.0
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
#: Bytes of blobs that one import holds in memory ahead of the target, where several connections bring them.
READ_AHEAD_BYTES: Final = 32 * MIB
#: Smaller blobs come over one connection: they are there before a second one helps.
RANGED_BYTES: Final = 2 * MIB
#: Likewise, from a source that is not far: what counts there is the target.
NEAR_RANGED_BYTES: Final = 8 * MIB
#: A source whose answer begins this late is far. Seconds.
FAR_SECONDS: Final = 0.05
#: A part of a blob that one request asks for. The least keeps the round trip before each small beside its time on a
#: line of a few MB/s; the most leaves a part in the window for each of eight connections.
MIN_PIECE_BYTES: Final = MIB
MAX_PIECE_BYTES: Final = 4 * MIB
#: Connections to one host, over all that import from it.
SOURCE_CONNECTIONS: Final = 16

# --- archives -----------------------------------------------------------------------------------------------
#: Members of one archive: a thousand images of forty layers.
ARCHIVE_MEMBERS: Final = 50_000
#: What a compressed archive may expand to, for each of its bytes and besides: layers of zeros compress well, but a
#: hundredfold over all is no archive of images.
ARCHIVE_RATIO: Final = 100
ARCHIVE_SLACK_BYTES: Final = 64 * MIB
#: What a zstd frame may ask to be kept of what came before: the eight MiB that every decoder must support (RFC 8878).
ARCHIVE_WINDOW_BYTES: Final = 8 * MIB
#: A name in an archive, and the records before it that may hold one.
ARCHIVE_NAME_CHARS: Final = 1024
ARCHIVE_RECORD_BYTES: Final = 64 * 1024
#: All names and link targets of one archive together, characters: fifty thousand names of a digest each take half.
ARCHIVE_NAMES_CHARS: Final = 8 * MIB
#: Files of one archive: volumes of one bundle. As many as one project may have uploaded at once.
ARCHIVE_VOLUMES: Final = 200
#: Images of one archive, as many as one batch imports; what belongs to them (signatures) is not counted.
ARCHIVE_IMAGES: Final = 1000
#: Blobs that the images of one archive list, those they share counted for each: a thousand images for five platforms.
ARCHIVE_BLOBS: Final = 200_000

# --- inside an image ----------------------------------------------------------------------------------------
#: An SBOM; those of large images that list their files have some ten megabytes. Its packages are held in memory.
SBOM_BYTES: Final = 128 * MIB
SBOM_PACKAGES: Final = 50_000
#: A scanner's report, and the vulnerabilities in it, which are held in memory.
REPORT_BYTES: Final = 128 * MIB
REPORT_VULNERABILITIES: Final = 100_000
#: What their texts take in memory: some 400 bytes each as scanners write them, thirteen times as much at worst.
REPORT_COST: Final = 48 * MIB
#: Brackets, commas, colons and strings of one JSON document that is read element by element: what a document of 128 MiB
#: has, and no more than some seconds of a processor.
JSON_TOKENS: Final = 8_000_000
#: One within an envelope is held whole, three times for a moment.
SBOM_ENVELOPE_BYTES: Final = 24 * MIB
#: Files of one layer. Distributions with everything have some 300,000.
LAYER_ENTRIES: Final = 500_000
#: A path, its parts together, and how deep it may be.
LAYER_PATH_CHARS: Final = 4096
LAYER_PATH_DEPTH: Final = 256
#: Extended headers of one entry: names, and attributes that may be large.
LAYER_RECORD_BYTES: Final = MIB
#: What a compressed layer may expand to: for each of its bytes, and besides. Files of zeros shrink a thousandfold.
LAYER_RATIO: Final = 100
LAYER_SLACK_BYTES: Final = 2 * 1024 * MIB
#: A file whose content is shown, and how far inside its layer it may be: all before it is expanded, too.
SHOWN_FILE_BYTES: Final = MIB
SHOWN_OFFSET_BYTES: Final = 2 * 1024 * MIB

# --- Helm repositories --------------------------------------------------------------------------------------
#: An index.yaml; the largest public ones have some twenty megabytes. It is read in order, and one chart of it is kept.
CHART_INDEX_BYTES: Final = 64 * MIB
#: Versions of one chart.
CHART_VERSIONS: Final = 10_000
#: A chart's file, which is held in memory; most have a few hundred kilobytes. Helm itself refuses larger ones.
CHART_BYTES: Final = 20 * MIB
#: What a chart's file is expanded to in the search for its Chart.yaml, which Helm writes first.
CHART_EXPANDED_BYTES: Final = 64 * MIB
