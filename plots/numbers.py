"""Numbers as a picture shows them."""

from __future__ import annotations

__all__ = ["percent", "short"]


def short(number: float) -> str:
    """A number with at most three digits; K is a thousand, M a million.

    Example:
        >>> [short(number) for number in (0, 0.127, 3, 1024, 12_345, 3_400_000, 2e13)]
        ['0', '0.13', '3', '1 K', '12 K', '3.4 M', '20 T']
    """
    for unit in ("", " K", " M", " G", " T"):
        if abs(number) < 999.5 or unit == " T":
            break
        number /= 1000
    digits = f"{number:.2g}" if abs(number) < 9.95 else f"{number:.0f}"
    return digits + unit


def percent(fraction: float) -> str:
    """A fraction in percent; 0 % and 100 % stand for nothing and for all, and are never the rounding of others.

    Example:
        >>> [percent(fraction) for fraction in (0, 1e-6, 0.1234, 0.99999, 1)]
        ['0 %', '0.0001 %', '12.3 %', '99.999 %', '100 %']
    """
    if fraction in (0, 1):
        return f"{fraction:.0%}".replace("%", " %")
    for digits in range(1, 12):
        text = f"{100 * fraction:.{digits}f}"
        if 0 < float(text) < 100:
            break
    return f"{text} %"
