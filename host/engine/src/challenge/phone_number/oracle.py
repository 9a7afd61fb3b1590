"""Prints phone numbers with libphonenumber's result, one a line: given, E.164, valid, region, type.

Usage: oracle.py SEED PER_PATTERN. For each region and each type it makes PER_PATTERN numbers that match the type's pattern, and of
each some that differ: a digit more, less, other, the national prefix before it. The file oracle.tsv is `oracle.py 1 1`, made with
the version of phonenumbers that oracle.rs names.
"""

import random
import sys

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberFormat, PhoneNumberType

try:
    from re import _parser
except ImportError:
    import sre_parse as _parser

TYPES = ("fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "personal_number", "voip", "pager", "uan", "voicemail")
DIGITS = "0123456789"
NAMES = {value: name for name, value in vars(PhoneNumberType).items() if isinstance(value, int)}


def example(pattern):
    """A random text that matches a regular expression as the metadata has them."""

    def choose(part):
        choices = []
        for kind, value in part:
            if str(kind) == "LITERAL":
                choices.append(chr(value))
            elif str(kind) == "RANGE":
                choices.extend(map(chr, range(value[0], value[1] + 1)))
            else:
                choices.extend(DIGITS)
        return random.choice(choices)

    def walk(parts):
        text = ""
        for kind, value in parts:
            match str(kind):
                case "LITERAL":
                    text += chr(value)
                case "IN":
                    text += choose(value)
                case "MAX_REPEAT":
                    for _ in range(random.randint(value[0], min(value[1], value[0] + 12))):
                        text += walk(value[2])
                case "SUBPATTERN":
                    text += walk(value[3])
                case "BRANCH":
                    text += walk(random.choice(value[1]))
                case other:
                    raise ValueError(other)
        return text

    return walk(_parser.parse(pattern))


def numbers(per_pattern):
    regions = [PhoneMetadata.metadata_for_region(region) for region in sorted(phonenumbers.SUPPORTED_REGIONS)]
    codes = sorted(phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS)
    regions += [PhoneMetadata.metadata_for_nongeo_region(code) for code in codes]
    for region in regions:
        for name in TYPES:
            kind = getattr(region, name)
            if kind is None or not kind.national_number_pattern or kind.national_number_pattern == "NA":
                continue
            for _ in range(per_pattern):
                national = example(kind.national_number_pattern)
                number = f"+{region.country_code}{national}"
                at = random.randrange(1, len(number))
                yield number
                yield random.choice([number[:-1], number + random.choice(DIGITS)])
                yield number[:at] + random.choice(DIGITS) + number[at + 1 :]
                yield f"+{region.country_code}{region.national_prefix or '0'}{national}"
    for _ in range(per_pattern * 100):
        yield "+" + "".join(random.choices(DIGITS, k=random.randint(1, 18)))


random.seed(int(sys.argv[1]))
for given in sorted(set(numbers(int(sys.argv[2])))):
    try:
        number = phonenumbers.parse(given)
    except phonenumbers.NumberParseException:
        print(given, "", 0, "", "", sep="\t")
        continue
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    valid = int(phonenumbers.is_valid_number(number))
    region = phonenumbers.region_code_for_number(number) or ""
    print(given, e164, valid, region, NAMES[phonenumbers.number_type(number)], sep="\t")
