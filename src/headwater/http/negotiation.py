"""Which of the offered media types a client accepts (RFC 9110 section 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence

from headwater.engine.errors import ErrorCode, RequestError


def choose(accept: str | None, offered: Sequence[str]) -> str:
    """The offered type the client likes best; the first offered one where it does not care.

    Raises `RequestError` (406) when none will do.
    """
    if not accept or not accept.strip():
        return offered[0]
    ranges = [_parse(part) for part in accept.split(",") if part.strip()]
    best: tuple[float, int] | None = None
    for index, media_type in enumerate(offered):
        quality = _quality(media_type, ranges)
        if quality > 0 and (best is None or quality > best[0]):
            best = (quality, index)
    if best is None:
        raise RequestError(f"Not acceptable: {accept}. Offered: {', '.join(offered)}.", ErrorCode.NOT_ACCEPTABLE)
    return offered[best[1]]


def _parse(part: str) -> tuple[str, float]:
    media_range, *parameters = (piece.strip() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                quality = float(value)
            except ValueError:
                quality = 0.0
    return media_range.lower(), quality


def _quality(media_type: str, ranges: Sequence[tuple[str, float]]) -> float:
    """The quality of the most specific range that covers the type; 0 if none does."""
    kind = media_type.partition("/")[0]
    for wanted in (media_type, f"{kind}/*", "*/*", "*"):
        for media_range, quality in ranges:
            if media_range == wanted:
                return quality
    return 0.0
