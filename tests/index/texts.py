"""French, English and messy texts to hold the embedded model against the wheel's engine."""

from __future__ import annotations

from collections.abc import Callable

from corpus import Document, split_sentences

ENGLISH = """
The campus opened its first building in December 2021, a year after the programme was announced.
Where do the start-ups come from, and how much money have they raised so far?
Digital health needs data, skills, research and people who will use what is built.
Patients are the first to benefit, or so the director says.
Researchers, engineers and clinicians share one site in the south of Paris.
It isn't obvious that "open data" and privacy can't live together.
The European Health Data Space enters into force step by step until 2031.
Who pays for all of this? The state, mostly, and a few private partners.
A model that refuses to answer is more useful than one that makes things up.
Three institutes joined in 2022; two others followed the year after.
The hospital of the Val-de-Grâce is being renovated at a cost of millions of euros.
See https://example.org/path?x=1&y=2 or write to contact@example.org.
Artificial intelligence helps to read images, to find molecules and to plan care.
Nothing in the interview says how many patents were filed.
The 2nd axis is about skills; the 3rd is about value; the 4th about impact.
COVID-19 changed everything: telemedicine, consent, hospital data warehouses.
""".strip().split("\n")

MESSY = [
    "",
    " ",
    "\t\n\r\n",
    "a",
    "é",
    "e\u0301te\u0301",
    "ﬁn de l’ofﬁce, ﬂeur, œuvre, Æsop, ĳs, ŉ",
    "« Guillemets\u00a0», “curly”, ‘single’, „low“, ‹angle›",
    "espace\u00a0insécable, fine\u202finsécable, cadratin\u2003, zéro\u200bchasse, jointe\u200d",
    "70\u202f000\u00a0m², 1\u00a0600 personnes, 55\u00a0%, n°\u00a05, 20 µg, ½ heure, 10⁻³",
    "😀 😃 🎉👍🏽 👨‍👩‍👧‍👦 🇫🇷 ❤️ ✅ 🤖🚀 🫠🫠🫠 🪿🫎",
    "ＦＵＬＬ ｗｉｄｔｈ １２３ ① Ⅳ ℃ ™ © ® … — – ‐ ‑ ­",
    "한국어 日本語テスト 中文测试 العربية עברית ελληνικά русский हिन्दी ไทย",
    "tout\x00nul\x07cloche\x1bescape\x7fsuppr",
    "𝒜𝔹𝕮 𝟙𝟚𝟛 𐍈 𓀀 ꧁꧂ 🜁🜂",
    "MAJUSCULES ACCENTUÉES : ÀÂÇÉÈÊËÎÏÔŒÙÛÜŸ",
    "l'apostrophe droite et l’apostrophe courbe, aujourd'hui, c’est-à-dire",
    "mot" * 60,
    "!?!?!?...;;;:::,,,",
    "snake_case camelCase kebab-case UPPER_CASE x=y+1; print('hello\\n')",
    "<p>HTML &amp; entités &eacute;</p>",
    "\ufeffmarque d’ordre, \u2028ligne\u2029paragraphe, \ufffdremplacement",
    "ligne un\nligne deux\r\nligne trois\ttabulée     beaucoup   d’espaces",
    "▁▁ déjà des marqueurs ▁ dans le texte",
]

# Each makes of a clean sentence one as it comes out of a PDF, a phone or an old word processor.
_SPOIL: list[Callable[[str], str]] = [
    lambda text: text,
    str.upper,
    lambda text: text.replace("’", "'").replace("fi", "ﬁ").replace("oe", "œ"),
    lambda text: text.replace(" ", "\u00a0"),
    lambda text: text.replace(" ", "  \n "),
    lambda text: f"« {text} » 🎉 👩‍⚕️…",
]


def short_texts(interview: Document) -> list[str]:
    """More than 300 texts that fit into the model's window."""
    text = interview.text
    french = [text[start:end] for start, end in split_sentences(text)]
    return [spoil(t) for t in [*french, *ENGLISH] for spoil in _SPOIL] + MESSY


def long_texts(interview: Document) -> list[str]:
    """Texts of 2,000 words each."""
    words = interview.text.split() + " ".join(ENGLISH).split()
    cycle = words * 3
    return [" ".join(cycle[first : first + 2000]) for first in (0, 300, 900)]
