"""Words the invented documents are made of: states, syllables, names of specimens, labels, and letters turned to Latin.

The transliterations follow the tables of Doc 9303-3 section 6; only what a zone may print comes out of them.
"""

from __future__ import annotations

__all__ = [
    "GREEK",
    "HEADINGS",
    "LABELS",
    "LATIN",
    "LOCALES",
    "SPECIMEN_NAMES",
    "STAMPS",
    "STATES",
    "SYLLABLES",
    "TEXTURE_WORDS",
]


def _listed(words: str) -> tuple[str, ...]:
    """Words separated by blanks, as a tuple: a long list stays a few lines of source."""
    return tuple(words.split())


#: Name lists of the package ``faker``.
LOCALES = _listed(
    "en_US en_GB fr_FR de_DE es_ES es_MX pt_PT pt_BR it_IT nl_NL pl_PL cs_CZ sk_SK hu_HU ro_RO hr_HR "
    "sl_SI lt_LT lv_LV et_EE fi_FI sv_SE no_NO dk_DK tr_TR id_ID vi_VN en_IN en_NZ yo_NG zu_ZA az_AZ "
    "sq_AL tw_GH ga_IE fr_QC ar_AA fa_IR ru_RU uk_UA bg_BG el_GR ka_GE hy_AM he_IL"
)

#: Issuing states and organisations as zones print them (Doc 9303-3 section 5).
STATES = _listed(
    "D<< IRQ IRN TUR SYR JOR KWT SAU USA GBR FRA ITA ESP PRT NLD BEL LUX CHE AUT POL CZE SVK HUN ROU BGR "
    "HRV SVN SRB BIH MKD ALB GRC CYP MLT IRL ISL NOR SWE FIN DNK EST LVA LTU BLR UKR RUS MDA GEO ARM AZE "
    "KAZ UZB TKM TJK KGZ AFG PAK IND BGD LKA NPL CHN TWN HKG MAC JPN KOR PRK MNG VNM LAO KHM THA MYS SGP "
    "IDN PHL AUS NZL FJI PNG EGY LBY TUN DZA MAR SDN SOM ETH ERI KEN UGA TZA NGA GHA SEN CIV CMR COD ZAF "
    "ZWE AGO CAN MEX CUB DOM JAM BRA ARG CHL PER BOL COL VEN ECU URY PRY UTO RKS EUE UNO XXA XXB XXC XOM "
    "GBD ARE QAT BHR OMN YEM LBN PSE ISR MDV"
)

#: Beginnings and endings of syllables of romanised Chinese names.
_INITIALS = _listed("B P M F D T N L G K H J Q X ZH CH SH R Z C S Y W")
_FINALS = _listed("A O E AI EI AO OU AN EN ANG ENG ONG I IA IE IU IAN IN ING U UA UO UI UAN UN")
SYLLABLES = tuple(initial + final for initial in _INITIALS for final in _FINALS)

#: Surnames that specimens carry.
SPECIMEN_NAMES = _listed("SPECIMEN MUSTERMANN ERIKSSON VZOR MUSTER SAMPLE TEST MODELO PARAUGS")

#: Small print of a data page.
LABELS = _listed(
    "SURNAME Nom GIVEN NAMES Prénoms NATIONALITY Date of birth 12 AUG 1974 PLACE SEX F M AUTHORITY "
    "Ministry of Interior REPUBLIC PASSPORT P UTO 12345678 L898902C3 IDENTITY CARD SPECIMEN 01.02.2031 "
    "No. DATE OF ISSUE ZENITH 185 cm HEIGHT EYES Blue Signature of bearer Type Code VISA VALID FOR MULT "
    "90 DAYS"
)

#: What stands close to a zone; some of it has blanks.
HEADINGS = (
    "SURNAME",
    "Date of birth",
    "12.03.1988",
    "AUTHORITY",
    "UTOPIA",
    "F",
    "No.",
    "SPECIMEN",
    "signature",
    "12345678",
)

#: What stamps across a zone say.
STAMPS = ("SPECIMEN", "12 AUG 2024", "VOID", "SAMPLE", "BASRA")

#: Words that fine print repeats without end.
TEXTURE_WORDS = (
    "SPECIMEN ",
    "REPUBLIC ",
    "PASSPORT ",
    "UTOPIA",
    "MUSTER ",
    "VZOR ",
    "0123456789",
    "PASSEPORT ",
)

_CYRILLIC = {"Ь": ""} | dict(
    zip(
        "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЭЮЯЁІЇЄҐ",
        _listed("A B V G D E ZH Z I I K L M N O P R S T U F KH TS CH SH SHCH IE Y E IU IA E I I IE G"),
        strict=True,
    )
)
_ARABIC = dict(
    zip(
        "ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىيپچژگکی",
        _listed(
            "XE XAA XAE U I XI A B XTA T XTH J XH XKH D XDH R Z S XSH XSS XDZ XTT XZZ E G F Q K L M N H W XAY "
            "Y P XC XJ XGG XKK XYA"
        ),
        strict=True,
    )
)
#: Latin letters of a Greek capital without its marks.
GREEK: dict[str, str] = dict(
    zip(
        "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ",
        _listed("A V G D E Z I TH I K L M N X O P R S T Y F CH PS O"),
        strict=True,
    )
)
_SPECIAL = {
    "Æ": "AE",
    "Ø": "OE",
    "Å": "AA",
    "Ä": "AE",
    "Ö": "OE",
    "Ü": "UE",
    "ß": "SS",
    "Þ": "TH",
    "Ð": "D",
    "Ł": "L",
    "Đ": "D",
    "Œ": "OE",
    "Ñ": "N",
    "İ": "I",
    "ı": "I",
}

#: Latin letters of an Arabic or Cyrillic capital, or of a Latin one with a mark that is not simply dropped.
LATIN: dict[str, str] = _ARABIC | _CYRILLIC | _SPECIAL
