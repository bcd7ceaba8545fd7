"""Countries that Plateful serves: the static list behind the `country` partition.

A feed row whose country is not listed here is a feed-level reject, so a typing error never opens a new
partition.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Country:
    """A country: ISO 3166-1 alpha-2 code, English name, menu languages (BCP 47, most common first)."""

    code: str
    name: str
    languages: tuple[str, ...]


_LIST = """
AE United Arab Emirates|ar en
AR Argentina|es
AT Austria|de
AU Australia|en
BD Bangladesh|bn en
BE Belgium|nl fr
BG Bulgaria|bg
BH Bahrain|ar en
BO Bolivia|es
BR Brazil|pt
CA Canada|en fr
CH Switzerland|de fr it
CL Chile|es
CN China|zh-Hans
CO Colombia|es
CR Costa Rica|es
CY Cyprus|el en
CZ Czechia|cs
DE Germany|de
DK Denmark|da
DO Dominican Republic|es
EC Ecuador|es
EE Estonia|et
EG Egypt|ar
ES Spain|es
FI Finland|fi sv
FR France|fr
GB United Kingdom|en
GE Georgia|ka
GH Ghana|en
GR Greece|el
GT Guatemala|es
HK Hong Kong|zh-Hant en
HN Honduras|es
HR Croatia|hr
HU Hungary|hu
ID Indonesia|id
IE Ireland|en
IL Israel|he
IN India|en hi
IQ Iraq|ar
IT Italy|it
JO Jordan|ar
JP Japan|ja
KE Kenya|en sw
KH Cambodia|km
KR South Korea|ko
KW Kuwait|ar en
KZ Kazakhstan|ru kk
LA Laos|lo
LB Lebanon|ar
LK Sri Lanka|en si ta
LT Lithuania|lt
LV Latvia|lv
MA Morocco|ar fr
MM Myanmar|my
MX Mexico|es
MY Malaysia|ms en zh-Hans
NG Nigeria|en
NL Netherlands|nl
NO Norway|nb
NP Nepal|ne
NZ New Zealand|en
OM Oman|ar en
PA Panama|es
PE Peru|es
PH Philippines|en fil
PK Pakistan|ur en
PL Poland|pl
PT Portugal|pt
PY Paraguay|es
QA Qatar|ar en
RO Romania|ro
RS Serbia|sr
SA Saudi Arabia|ar
SE Sweden|sv
SG Singapore|en zh-Hans ms
SI Slovenia|sl
SK Slovakia|sk
SV El Salvador|es
TH Thailand|th
TN Tunisia|ar fr
TR Türkiye|tr
TW Taiwan|zh-Hant
UA Ukraine|uk
US United States|en
UY Uruguay|es
UZ Uzbekistan|uz ru
VE Venezuela|es
VN Vietnam|vi
ZA South Africa|en af
"""


def _parse(line: str) -> Country:
    label, languages = line.split("|")
    code, name = label.split(" ", 1)
    return Country(code, name, tuple(languages.split()))


COUNTRIES: dict[str, Country] = {c.code: c for c in map(_parse, _LIST.strip().splitlines())}
