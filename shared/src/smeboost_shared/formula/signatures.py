"""Every function of the language: what arguments it takes, what it gives, and what it does.

The evaluator, the translation to SQL, the result types and `docs/formulas.md` all go by this table. Names and words
follow https://support.airtable.com/docs/formula-field-reference; what that page leaves open carries the mark [I].
"""

from dataclasses import dataclass

from smeboost_shared.formula.kinds import Kind

ANY, BOOLEAN, LIST, MOMENT, NUMBER, TEXT = Kind.ANY, Kind.BOOLEAN, Kind.LIST, Kind.MOMENT, Kind.NUMBER, Kind.TEXT
CONSTANTS = frozenset({"TRUE", "FALSE", "NOW", "TODAY", "BLANK"})
"""Functions without arguments that may be written without parentheses, where no field has that name."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One function. `usage` shows its arguments, those that may be left out in brackets, `...` for any number more.

    `result` ANY: it is of the kind of one of the arguments.
    """

    usage: str
    result: Kind
    summary: str

    @property
    def name(self) -> str:
        return self.usage.partition("(")[0]

    @property
    def least(self) -> int:
        """How many arguments it takes at least."""
        return sum(not argument.startswith("[") for argument in self._arguments())

    @property
    def most(self) -> int | None:
        """How many it takes at most; None: any number."""
        return None if "..." in self.usage else len(self._arguments())

    def _arguments(self) -> list[str]:
        inside = self.usage.partition("(")[2].rstrip(")")
        return [argument.strip() for argument in inside.split(",")] if inside else []


LOGIC = (
    Signature("IF(condition, then, [otherwise])", ANY, "`then` when the condition is true, else `otherwise` or blank"),
    Signature("AND(value, [value...])", BOOLEAN, "whether all are true; the first that is not decides"),
    Signature("OR(value, [value...])", BOOLEAN, "whether one is true; the first that is decides"),
    Signature("NOT(value)", BOOLEAN, "whether it is not true"),
    Signature("XOR(value, [value...])", BOOLEAN, "whether an odd number of them is true"),
    Signature(
        "SWITCH(value, pattern, result, [pattern_result...], [default])",
        ANY,
        "the result of the first pattern that equals the value, else the default or blank",
    ),
    Signature("TRUE()", BOOLEAN, "1"),
    Signature("FALSE()", BOOLEAN, "0"),
    Signature("BLANK()", Kind.BLANK, "blank"),
    Signature("ERROR([message])", ANY, "#ERROR!"),
    Signature("ISERROR(value)", BOOLEAN, "whether the value is #ERROR!"),
)
TEXTS = (
    Signature("CONCATENATE(text, [text...])", TEXT, "the texts one after the other, like `&`"),
    Signature("LEFT(text, count)", TEXT, "the first characters"),
    Signature("RIGHT(text, count)", TEXT, "the last characters"),
    Signature("MID(text, start, count)", TEXT, "characters from the middle; `start` counts from 1"),
    Signature("LEN(text)", NUMBER, "how many characters"),
    Signature("FIND(needle, text, [start])", NUMBER, "where the needle begins, from 1; 0 when it is absent"),
    Signature(
        "SEARCH(needle, text, [start])", NUMBER, "like FIND without regard to case; blank when the needle is absent"
    ),
    Signature(
        "SUBSTITUTE(text, old, new, [index])", TEXT, "every `old` becomes `new`, or only the one with that index"
    ),
    Signature("REPLACE(text, start, count, new)", TEXT, "`count` characters from `start` on become `new`"),
    Signature("TRIM(text)", TEXT, "without white space at both ends"),
    Signature("UPPER(text)", TEXT, "in upper case"),
    Signature("LOWER(text)", TEXT, "in lower case"),
    Signature("REPT(text, count)", TEXT, "the text so many times"),
    Signature("T(value)", TEXT, "the value if it is text, else blank"),
    Signature("VALUE(text)", NUMBER, "the number that the text shows; thousands separators and currency signs pass"),
    Signature("ENCODE_URL_COMPONENT(text)", TEXT, "escaped for a URL; letters, digits and `-_.~` stay"),
    Signature("REGEX_MATCH(text, pattern)", BOOLEAN, "whether the RE2 pattern is found in the text"),
    Signature("REGEX_EXTRACT(text, pattern)", TEXT, "the first match; #ERROR! when there is none"),
    Signature(
        "REGEX_REPLACE(text, pattern, replacement)", TEXT, "every match replaced; `$1` is the first group, `$&` all [I]"
    ),
)
NUMBERS = (
    Signature("ABS(number)", NUMBER, "without its sign"),
    Signature("AVERAGE(number, [number...])", NUMBER, "the mean of the numbers; NaN when there is none"),
    Signature("CEILING(number, [step])", NUMBER, "up to a multiple of `step` (1)"),
    Signature("FLOOR(number, [step])", NUMBER, "down to a multiple of `step` (1)"),
    Signature("INT(number)", NUMBER, "down to a whole number"),
    Signature("ROUND(number, [places])", NUMBER, "to the nearest, a half toward +infinity; places below 0 are tens"),
    Signature("ROUNDUP(number, [places])", NUMBER, "away from 0"),
    Signature("ROUNDDOWN(number, [places])", NUMBER, "toward 0"),
    Signature("MOD(number, divisor)", NUMBER, "the remainder, with the sign of the divisor [I]"),
    Signature("POWER(base, exponent)", NUMBER, "the base to that power"),
    Signature("SQRT(number)", NUMBER, "the square root; NaN below 0"),
    Signature("EXP(number)", NUMBER, "e to that power"),
    Signature("LOG(number, [base])", NUMBER, "the logarithm, to base 10"),
    Signature("MAX(number, [number...])", NUMBER, "the largest number; 0 when there is none"),
    Signature("MIN(number, [number...])", NUMBER, "the smallest number; 0 when there is none"),
    Signature("SUM(number, [number...])", NUMBER, "the sum of the numbers"),
    Signature("COUNT(value, [value...])", NUMBER, "how many are numbers"),
    Signature("COUNTA(value, [value...])", NUMBER, "how many are not blank"),
    Signature("COUNTALL(value, [value...])", NUMBER, "how many there are"),
    Signature("EVEN(number)", NUMBER, "up to an even number"),
    Signature("ODD(number)", NUMBER, "away from 0 to an odd number"),
)
DATES = (
    Signature("NOW()", MOMENT, "this moment"),
    Signature("TODAY()", MOMENT, "the beginning of this day in UTC"),
    Signature("DATEADD(date, count, unit)", MOMENT, "so many units later; the end of a shorter month is not passed"),
    Signature(
        "DATETIME_DIFF(later, earlier, [unit])", NUMBER, "whole units between them (seconds), cut off toward 0 [I]"
    ),
    Signature("DATETIME_FORMAT(date, [format])", TEXT, "as text, in the tokens of moment.js; ISO 8601 without [I]"),
    Signature(
        "DATETIME_PARSE(text, [format], [locale])", MOMENT, "the date that the text shows, read by moment.js tokens"
    ),
    Signature("DATESTR(date)", TEXT, "as YYYY-MM-DD"),
    Signature("TIMESTR(date)", TEXT, "as HH:mm:ss"),
    Signature("YEAR(date)", NUMBER, "the year"),
    Signature("MONTH(date)", NUMBER, "1 to 12"),
    Signature("DAY(date)", NUMBER, "1 to 31"),
    Signature("HOUR(date)", NUMBER, "0 to 23"),
    Signature("MINUTE(date)", NUMBER, "0 to 59"),
    Signature("SECOND(date)", NUMBER, "0 to 59"),
    Signature("WEEKDAY(date, [start])", NUMBER, "0 to 6, 0 being Sunday, or Monday when `start` is 'Monday'"),
    Signature(
        "WEEKNUM(date, [start])", NUMBER, "1 to 53; week 1 holds 1 January, weeks begin on Sunday or `start` [I]"
    ),
    Signature("WORKDAY(date, count, [holidays])", MOMENT, "so many working days later; holidays are 'date, date'"),
    Signature("WORKDAY_DIFF(first, last, [holidays])", NUMBER, "working days between them, both included [I]"),
    Signature("IS_BEFORE(date, other)", BOOLEAN, "whether it is earlier"),
    Signature("IS_AFTER(date, other)", BOOLEAN, "whether it is later"),
    Signature("IS_SAME(date, other, [unit])", BOOLEAN, "whether both are in the same unit; without one, equal"),
    Signature("SET_TIMEZONE(date, zone)", MOMENT, "the date as DATETIME_FORMAT shall show it: in that IANA time zone"),
    Signature("SET_LOCALE(date, locale)", MOMENT, "the date as DATETIME_FORMAT shall show it: in that language"),
    Signature("FROMNOW(date)", TEXT, "how far away from now, in words such as `2 days` [I]"),
    Signature("TONOW(date)", TEXT, "the same words as FROMNOW [I]"),
)
ARRAYS = (
    Signature("ARRAYJOIN(values, [separator])", TEXT, "the values as one text, with `, ` or the separator between"),
    Signature("ARRAYUNIQUE(values, [values...])", LIST, "each value once"),
    Signature("ARRAYCOMPACT(values, [values...])", LIST, "without blanks and empty text"),
    Signature("ARRAYFLATTEN(values, [values...])", LIST, "one list of all"),
    Signature(
        "ARRAYSLICE(values, start, [end])",
        LIST,
        "from `start` to `end`, both included, counted from 1 or backward from -1 [I]",
    ),
)
RECORD = (
    Signature("RECORD_ID()", TEXT, "the record's id"),
    Signature("CREATED_TIME()", MOMENT, "when the record was made"),
    Signature("LAST_MODIFIED_TIME([field...])", MOMENT, "when one of these fields was changed last, or any field"),
)
GROUPS = {
    "Logic": LOGIC,
    "Text": TEXTS,
    "Number": NUMBERS,
    "Date": DATES,
    "Array": ARRAYS,
    "Record": RECORD,
}
SIGNATURES = {signature.name: signature for group in GROUPS.values() for signature in group}
