"""Units: how much one is in another, for the conversions that need no model."""

from typing import NamedTuple


class Unit(NamedTuple):
    """``factor`` of the base unit of its kind, after ``offset`` is added."""

    kind: str
    factor: float
    sign: str
    offset: float = 0.0


def _units() -> dict[str, Unit]:
    found: dict[str, Unit] = {}
    for kind, factor, sign, names in _TABLE:
        for name in names.split():
            found[name] = Unit(kind, factor, sign)
    for sign, factor, offset, names in _DEGREES:
        for name in names.split():
            found[name] = Unit("temperature", factor, sign, offset)
    return found


_TABLE = (
    ("length", 0.001, "mm", "mm millimeter millimeters millimetre millimetres"),
    ("length", 0.01, "cm", "cm centimeter centimeters centimetre centimetres"),
    ("length", 1.0, "m", "m meter meters metre metres"),
    ("length", 1000.0, "km", "km kilometer kilometers kilometre kilometres"),
    ("length", 0.0254, "in", "in inch inches"),
    ("length", 0.3048, "ft", "ft foot feet"),
    ("length", 0.9144, "yd", "yd yard yards"),
    ("length", 1609.344, "mi", "mi mile miles"),
    ("mass", 0.001, "g", "g gram grams"),
    ("mass", 1.0, "kg", "kg kilo kilos kilogram kilograms"),
    ("mass", 1000.0, "t", "t tonne tonnes"),
    ("mass", 0.028349523125, "oz", "oz ounce ounces"),
    ("mass", 0.45359237, "lb", "lb lbs pound pounds"),
    ("volume", 0.001, "ml", "ml milliliter milliliters millilitre millilitres"),
    ("volume", 1.0, "l", "l liter liters litre litres"),
    ("volume", 3.785411784, "gal", "gal gallon gallons"),
    ("time", 0.001, "ms", "ms millisecond milliseconds"),
    ("time", 1.0, "s", "s sec second seconds"),
    ("time", 60.0, "min", "min minute minutes"),
    ("time", 3600.0, "h", "h hr hour hours"),
    ("time", 86400.0, "days", "d day days"),
    ("time", 604800.0, "weeks", "week weeks"),
    ("data", 1.0, "bytes", "b byte bytes"),
    ("data", 1e3, "KB", "kb kilobyte kilobytes"),
    ("data", 1e6, "MB", "mb megabyte megabytes"),
    ("data", 1e9, "GB", "gb gigabyte gigabytes"),
    ("data", 1e12, "TB", "tb terabyte terabytes"),
    ("data", 1024.0, "KiB", "kib kibibyte kibibytes"),
    ("data", 1024.0**2, "MiB", "mib mebibyte mebibytes"),
    ("data", 1024.0**3, "GiB", "gib gibibyte gibibytes"),
    ("speed", 1.0, "m/s", "m/s mps"),
    ("speed", 1 / 3.6, "km/h", "km/h kmh kph"),
    ("speed", 0.44704, "mph", "mph"),
)
_DEGREES = (
    ("K", 1.0, 0.0, "k kelvin"),
    ("°C", 1.0, 273.15, "c °c celsius"),
    ("°F", 5 / 9, 459.67, "f °f fahrenheit"),
)
UNITS = _units()


def converted(amount: float, source: str, target: str) -> str | None:
    """``5 km = 3.106856 mi``; None when one is unknown or they measure different things."""
    one, other = UNITS.get(source.lower()), UNITS.get(target.lower())
    if one is None or other is None or one.kind != other.kind:
        return None
    value = (amount + one.offset) * one.factor / other.factor - other.offset
    return f"{number(amount)} {one.sign} = {number(value)} {other.sign}"


def number(value: float) -> str:
    """Up to six decimals, and no more zeros than needed."""
    if value and not 1e-4 <= abs(value) < 1e15:
        return f"{value:.7g}"
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
