"""Figures as people read them."""

from .figures import Figure

_BYTES = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")


def readable(figure: Figure) -> str:
    """Value and unit, rounded to three or four digits: 90.0 %, 5.76e23 FLOP, 2.92 TB, 1,091 inspections; or a dash
    when there is no value."""
    if figure.value is None:
        return "-"
    if figure.unit == "share":
        return percent(figure.value)
    if figure.unit == "bytes":
        return in_bytes(figure.value)
    if figure.unit == "FLOP":
        return f"{power(figure.value)} FLOP"
    return f"{number(figure.value)} {figure.unit}".rstrip()


def percent(share: float) -> str:
    """A share of 1 in per cent with three digits, never 100 % unless it is all."""
    if share == 0:
        return "0 %"
    text = f"{share * 100:#.3g}".rstrip(".")
    if share < 1 and float(text) >= 100:
        return "over 99.95 %"
    return f"{plain(text) if 'e' in text else text} %"


def plain(text: str) -> str:
    """1e-05 as 1e-5."""
    digits, _, exponent = text.partition("e")
    return f"{digits.rstrip('0').rstrip('.') if '.' in digits else digits}e{int(exponent)}" if exponent else text


def power(value: float) -> str:
    """5.76e23, with as many as four digits."""
    return plain(f"{value:.3e}")


def number(value: float) -> str:
    """With thousands separated; below a thousand with three digits, whole numbers as they are."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 1e15:
        return power(value)
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return plain(f"{value:.3g}")


def in_bytes(value: float) -> str:
    """With a decimal prefix: 17.8 kB."""
    step = 0
    while value >= 999.5 and step < len(_BYTES) - 1:
        value, step = value / 1000, step + 1
    return f"{value:.3g} {_BYTES[step]}"
