"""Content encodings of OTLP/HTTP: identity, gzip and deflate, inflated no further than allowed."""

import zlib

from domain.errors import BodyTooLarge, UndecodableBody, UnsupportedMediaType

_GZIP, _ZLIB, _RAW_DEFLATE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS

# HTTP's deflate is zlib-wrapped (RFC 9110, 8.4.1.2), but some clients send the bare stream; both are tried in turn.
_WINDOW_BITS = {"gzip": (_GZIP,), "x-gzip": (_GZIP,), "deflate": (_ZLIB, _RAW_DEFLATE)}

# What follows a member is copied out of the piece it was found in: small pieces keep many small members linear.
_PIECE_BYTES = 1 << 16
_MAX_MEMBERS = 1024


def decompress(body: bytes, content_encoding: str, *, max_bytes: int) -> bytes:
    """The body as it was before its content encoding.

    Raises BodyTooLarge as soon as the result passes max_bytes (nothing beyond is inflated), UndecodableBody when the
    stream is broken or cut short, UnsupportedMediaType for any other encoding.
    """
    encoding = content_encoding.strip().lower()
    if encoding in ("", "identity"):
        if len(body) > max_bytes:
            raise BodyTooLarge
        return body
    if encoding not in _WINDOW_BITS:
        raise UnsupportedMediaType(
            f"The content encoding {encoding[:100]!r} is not known here: send the body as gzip, deflate or plain."
        )
    problem = ""
    for window_bits in _WINDOW_BITS[encoding]:
        try:
            return _inflate(body, window_bits, max_bytes)
        except zlib.error as error:
            problem = problem or str(error)
    raise UndecodableBody(f"The body is not a whole {encoding} stream: {problem}.")


def _inflate(body: bytes, window_bits: int, max_bytes: int) -> bytes:
    """Raises zlib.error when the stream is broken, ends early or is followed by something else."""
    inflater = zlib.decompressobj(window_bits)
    members = 1
    inflated: list[bytes] = []
    room = max_bytes + 1  # One byte more than allowed tells too large from just large enough.
    for start in range(0, len(body), _PIECE_BYTES):
        piece = body[start : start + _PIECE_BYTES]
        while piece:
            if inflater.eof:
                if not piece.strip(b"\0"):  # Padding, as gzip allows.
                    break
                members += 1
                if window_bits != _GZIP or members > _MAX_MEMBERS:
                    raise zlib.error("something else follows the stream")
                inflater = zlib.decompressobj(window_bits)
            inflated.append(inflater.decompress(piece, room))
            room -= len(inflated[-1])
            if room <= 0:
                raise BodyTooLarge
            piece = inflater.unused_data
    if not inflater.eof:
        raise zlib.error("it ends early")
    return b"".join(inflated)
