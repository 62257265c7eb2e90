"""The closed table of units that an answer may carry, and how a phrase of them is read.

Sources: the SI brochure (9th edition) and NIST Handbook 44, appendix C, for measures; ISO 4217 for
money; for things that are counted, the nouns that follow "how many" in the questions of GSM8K,
MATH and GURU, read through by hand. A word that is not here is no unit: the answer is then not
understood, and never right.
"""

import re
from fractions import Fraction

# dimension -> names -> factor; the plural in s is added to names of more than two letters.
_MEASURES: dict[str, dict[str, str]] = {
    "length": {
        "m meter metre": "1", "km kilometer kilometre": "1000", "dm decimeter decimetre": "1/10",
        "cm centimeter centimetre": "1/100", "mm millimeter millimetre": "1/1000",
        "in inch inches": "127/5000", "ft foot feet": "381/1250", "yd yard": "1143/1250",
        "mi mile": "201168/125",
    },
    "mass": {
        "g gram gramme": "1", "kg kilogram kilo": "1000", "mg milligram": "1/1000",
        "t ton tonne": "1000000", "lb lbs pound": "45359237/100000", "oz ounce": "45359237/1600000",
    },
    "time": {
        "s sec second": "1", "ms millisecond": "1/1000", "min mins minute": "60",
        "h hr hrs hour": "3600", "day": "86400", "week": "604800", "month": "2629746",
        "year yr yrs": "31556952", "decade": "315569520", "century centuries": "3155695200",
    },
    "volume": {
        "l liter litre": "1", "ml milliliter millilitre": "1/1000", "cl centiliter": "1/100",
        "kl kiloliter": "1000", "gallon gal": "473176473/125000000",
        "quart qt": "473176473/500000000", "pint pt": "473176473/1000000000",
        "cup": "473176473/2000000000", "tablespoon tbsp": "473176473/32000000000",
        "teaspoon tsp": "157725491/32000000000",
    },
    "angle": {"degree deg": "1", "radian rad": "0"},
    "temperature": {"celsius": "1", "fahrenheit": "0", "kelvin": "0"},
    "dollar": {"dollar buck usd": "1", "cent penny pennies ¢": "1/100"},
    "euro": {"euro eur": "1"}, "pound_sterling": {"gbp": "1"},
    "yuan": {"yuan rmb cny 元": "1"}, "yen": {"yen jpy": "1"},
    "rupee": {"rupee inr rs": "1"}, "ruble": {"ruble rouble": "1"}, "peso": {"peso": "1"},
    "force": {"n newton": "1"}, "energy": {"j joule": "1", "calorie cal": "0", "kwh": "0"},
    "power": {"w watt": "1", "kw kilowatt": "1000"}, "voltage": {"v volt": "1"},
    "current": {"a ampere amp": "1"}, "frequency": {"hz hertz": "1"}, "charge": {"coulomb": "1"},
    "pressure": {"pa pascal": "1"}, "resistance": {"ohm": "1"}, "amount": {"mol mole": "1"},
    "data": {"byte": "1", "kb": "0", "mb": "0", "gb": "0", "bit": "0"},
    "area": {"acre": "1", "hectare ha": "0"},
}  # fmt: skip
_COUNTED = [
    "unit", "time", "way", "person", "people", "student", "child", "children", "boy", "girl",
    "man", "men", "woman", "women", "friend", "guest", "teacher", "parent", "worker",
    "employee", "player", "customer", "passenger", "pupil", "adult", "kid", "family",
    "member", "team", "group", "class", "classes", "piece", "point", "pair", "bag", "box",
    "boxes", "bottle", "book", "page", "ticket", "card", "coin", "marble", "ball", "toy",
    "sticker", "stamp", "egg", "apple", "orange", "banana", "pear", "peach", "peaches",
    "grape", "cherry", "cherries", "strawberry", "strawberries", "raspberry", "raspberries",
    "lemon", "melon", "tomato", "tomatoes", "potato", "potatoes", "carrot", "onion",
    "pumpkin", "pineapple", "flower", "rose", "petal", "tree", "plant", "seed", "leaf",
    "leaves", "cookie", "cake", "cupcake", "pie", "brownie", "candy", "candies", "chocolate",
    "lollipop", "loaf", "loaves", "bar", "slice", "sandwich", "sandwiches", "pizza", "cup",
    "glass", "glasses", "jar", "can", "carton", "crate", "barrel", "basket", "bucket",
    "bouquet", "dish", "dishes", "bowl", "plate", "fork", "spoon", "knife", "knives", "fish",
    "fishes", "jellyfish", "shark", "bird", "duck", "chicken", "hen", "goose", "geese",
    "turkey", "cow", "pig", "sheep", "goat", "horse", "dog", "puppy", "puppies", "cat",
    "kitten", "rabbit", "rat", "mouse", "mice", "lion", "tiger", "bee", "insect", "bug",
    "butterfly", "butterflies", "frog", "turtle", "snake", "dragon", "penguin", "animal",
    "pet", "leg", "wing", "eye", "tooth", "teeth", "car", "truck", "bus", "buses", "bike",
    "bicycle", "train", "plane", "boat", "ship", "wheel", "trip", "flight", "lap", "step",
    "mile-marker", "house", "home", "room", "door", "window", "chair", "table", "desk", "bed",
    "lamp", "candle", "pen", "pencil", "crayon", "marker", "notebook", "folder", "paper",
    "sheet", "photo", "picture", "painting", "movie", "film", "song", "game", "match",
    "matches", "round", "turn", "goal", "shot", "run", "grade", "test", "question", "problem",
    "answer", "letter", "word", "sentence", "message", "email", "call", "vote", "like",
    "post", "shirt", "sock", "shoe", "hat", "dress", "dresses", "jean", "jacket", "ring",
    "necklace", "bead", "button", "stitch", "stitches", "scarf", "scarves", "quilt",
    "blanket", "pillow", "towel", "diaper", "brick", "tile", "block", "triangle", "circle",
    "rectangle", "polygon", "vertex", "vertices", "edge", "side", "face", "diagonal", "angle",
    "line", "row", "column", "stone", "rock", "shell", "seashell", "stick", "log", "screw",
    "nail", "bolt", "tool", "battery", "batteries", "part", "item", "object", "thing", "set",
    "stack", "pile", "case", "pack", "packet", "package", "bundle", "batch", "batches",
    "load", "serving", "scoop", "meal", "lunch", "lunches", "dinner", "breakfast", "snack",
    "drink", "burger", "fry", "fries", "hotdog", "sausage", "meatball", "dumpling", "noodle",
    "cracker", "chip", "peanut", "nut", "bean", "gift", "present", "prize", "medal",
    "balloon", "kite", "doll", "puzzle", "lego", "instrument", "guitar", "drum", "visit",
    "lesson", "session", "shift", "job", "order", "sale", "copy", "copies", "magazine",
    "newspaper", "novel", "report", "page-turn", "chapter", "story", "stories", "poem",
    "seat", "level", "floor", "story-floor", "stair", "digit", "number", "integer",
    "solution", "value", "term", "factor", "divisor", "multiple", "element", "subset",
    "function", "permutation", "combination", "arrangement", "outcome", "possibility",
    "possibilities", "choice", "option", "pattern", "path", "route", "region", "intersection",
    "handshake", "tournament", "word-count", "success", "successes", "failure", "toss",
    "tosses", "flip", "roll", "draw", "heads", "tails", "move",
]  # fmt: skip
# Letters that are units only where a space or \mathrm sets them apart from a number.
LETTERS = frozenset("mgsL")
ROMAN_LETTERS = frozenset("mgshLlNJWVAt")  # within a text
# What may stand before a thing that is counted and leaves the count as it is.
ADJECTIVES = ("different", "distinct", "possible", "unique", "ordered", "unordered", "total")
CURRENCY = {"¢": "cent", "$": "dollar", "€": "euro", "£": "gbp", "¥": "yuan"}
_CHINESE = {
    "个": "unit", "元": "yuan", "米": "meter", "厘米": "centimeter", "千米": "kilometer",
    "公里": "kilometer", "毫米": "millimeter", "分米": "decimeter", "千克": "kilogram",
    "公斤": "kilogram", "克": "gram", "吨": "ton", "小时": "hour", "分钟": "minute", "秒": "second",
    "天": "day", "年": "year", "岁": "year", "人": "person", "名": "person", "本": "book",
    "只": "unit", "次": "time", "种": "way", "升": "liter", "毫升": "milliliter", "度": "degree",
    "平方米": "square meter", "平方厘米": "square centimeter", "平方千米": "square kilometer",
    "立方米": "cubic meter", "立方厘米": "cubic centimeter", "条": "unit", "件": "unit",
    "张": "unit", "支": "unit", "辆": "car", "棵": "tree", "块": "piece", "页": "page",
    "组": "group", "对": "pair", "分": "point", "道": "question", "位": "person", "双": "pair",
    "個": "unit", "円": "yen", "개": "unit", "명": "person",
}  # fmt: skip
_SPEEDS = {"mph": "mile per hour", "kph": "kilometer per hour", "kmh": "kilometer per hour"}
_SPEED = re.compile(r"(?<![A-Za-z\\])(?:mph|kph|kmh)(?![A-Za-z])")
CHINESE = re.compile("|".join(sorted(_CHINESE, key=len, reverse=True)))

# Unit: powers of dimensions, sorted, and the factor; a counted thing has no dimension of its own.
Unit = tuple[tuple[tuple[str, int], ...], Fraction]


def _table() -> dict[str, tuple[str, Fraction]]:
    units: dict[str, tuple[str, Fraction]] = {}
    for dimension, names in _MEASURES.items():
        for words, factor in names.items():
            for word in words.split():
                # A factor of 0: not to be converted into the dimension's other units.
                own = (dimension, Fraction(factor)) if factor != "0" else (words, Fraction(1))
                units[word] = own
                if len(word) > 2:
                    units[f"{word}s"] = own
    for word in ("cubes", "squares", "roots", "primes"):  # of which the singular is an operation
        units[word] = ("count", Fraction(1))
    for word in _COUNTED:
        for form in (word, f"{word}s"):
            units.setdefault(form, ("count", Fraction(1)))
    return units


UNITS = _table()


def unit_of(word: str, *, letters: bool) -> str | None:
    """The name under which a word stands in the table; None where it does not.

    Args:
        word: As written.
        letters: Whether a single letter may be a unit here; its case counts.
    """
    if len(word) == 1:
        return word.casefold() if letters and word in ROMAN_LETTERS | {"¢", "元"} else None
    name = word.casefold()
    return name if name in UNITS else None


def is_unit_word(word: str) -> bool:
    """Whether a word, as it stands in a text, belongs to a phrase of units."""
    word = word.casefold()
    return word in UNITS or word in ("square", "sq", "cubic", "cu", "per", "squared", "cubed")


def currency_code(word: str) -> str | None:
    """The unit that a word before a number is: ``USD 5``, ``Rs 5``."""
    return word if word in ("usd", "eur", "gbp", "cny", "jpy", "inr", "rs") else None


def chinese(text: str) -> str:
    """Chinese, Japanese and Korean units, and mph and kph, as English words."""
    text = _SPEED.sub(lambda match: f" {_SPEEDS[match.group()]} ", text)
    return CHINESE.sub(lambda match: f" {_CHINESE[match.group()]} ", text)


def combine(parts: list[tuple[str, int]]) -> Unit:
    """The unit of words with their powers: ``[("km", 1), ("h", -1)]``."""
    powers: dict[str, int] = {}
    factor = Fraction(1)
    for word, power in parts:
        dimension, own = UNITS[word]
        powers[dimension] = powers.get(dimension, 0) + power
        factor *= own**power
    return tuple(sorted((d, p) for d, p in powers.items() if p)), factor
