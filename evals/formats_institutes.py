"""Institutes, all of them invented: the facts that the formats corpus tells, file by file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Institute:
    """The facts of an institute, as they stand in its text.

    Attributes:
        themes: What it works on, each with its number of projects.
        hours: When its library opens and closes, on each of the days of the template.
    """

    name: str
    subject: str
    city: str
    founded: int
    director: str
    since: int
    researchers: int
    budget: int
    themes: tuple[tuple[str, int], ...]
    books: str
    hours: tuple[tuple[str, str], ...]


_FRENCH = {
    "aldebaran.txt": Institute(
        "Aldébaran",
        "l’acoustique sous-marine",
        "Brest",
        1962,
        "Maëlle Kervadec",
        2019,
        214,
        31,
        (("chant des baleines", 12), ("bruit des navires", 7), ("écho des grands fonds", 5)),
        "48 000",
        (("8 h 30", "18 h"), ("9 h", "17 h 15"), ("10 h", "12 h 30")),
    ),
    "betelgeuse.txt": Institute(
        "Bételgeuse",
        "les langues anciennes d’Asie centrale",
        "Poitiers",
        1931,
        "Théodore Vasseur",
        2021,
        87,
        9,
        (("manuscrits sogdiens", 8), ("inscriptions tokhariennes", 3), ("contes ouïghours", 6)),
        "132 000",
        (("9 h 15", "19 h"), ("9 h 45", "20 h 30"), ("14 h", "16 h 45")),
    ),
    "capella.md": Institute(
        "Capella",
        "les sols agricoles",
        "Clermont-Ferrand",
        1974,
        "Solène Arbogast",
        2017,
        163,
        22,
        (("vers de terre", 9), ("érosion des pentes", 14), ("stockage du carbone", 11)),
        "27 500",
        (("8 h", "16 h 30"), ("8 h 45", "17 h 45"), ("9 h 30", "11 h 30")),
    ),
    "deneb.html": Institute(
        "Deneb",
        "la mécanique des glaciers",
        "Chambéry",
        1988,
        "Gaspard Thévenoz",
        2022,
        76,
        14,
        (("fonte des séracs", 6), ("lacs sous-glaciaires", 4), ("datation des moraines", 13)),
        "11 800",
        (("7 h 45", "15 h 30"), ("8 h 15", "19 h 15"), ("13 h", "17 h 30")),
    ),
    "electre.pdf": Institute(
        "Électre",
        "la conservation des peintures",
        "Avignon",
        1957,
        "Philippine Lorrain",
        2015,
        58,
        8,
        (("vernis à la résine", 5), ("fresques romanes", 16), ("pigments de garance", 2)),
        "63 400",
        (("10 h 30", "18 h 45"), ("11 h", "21 h"), ("9 h 20", "12 h 15")),
    ),
    "fomalhaut.docx": Institute(
        "Fomalhaut",
        "l’hydrologie des grands fleuves",
        "Angers",
        1969,
        "Corentin Mallaval",
        2020,
        191,
        27,
        (("crues de printemps", 18), ("bancs de sable", 4), ("nappes alluviales", 10)),
        "39 700",
        (("8 h 20", "17 h"), ("9 h 10", "18 h 20"), ("10 h 15", "13 h 45")),
    ),
    "procyon.pptx": Institute(
        "Procyon",
        "la robotique agricole",
        "Rennes",
        2004,
        "Anaïs Quéméneur",
        2023,
        245,
        46,
        (("désherbage mécanique", 15), ("récolte des fraises", 3), ("drones semeurs", 8)),
        "6 200",
        (("7 h 30", "19 h 30"), ("8 h 50", "18 h 10"), ("9 h 40", "14 h 20")),
    ),
    "regulus.epub": Institute(
        "Régulus",
        "la musique de la Renaissance",
        "Besançon",
        1946,
        "Barthélemy Joffrin",
        2014,
        42,
        5,
        (("luths vénitiens", 7), ("motets de Franche-Comté", 12), ("traités de solmisation", 4)),
        "91 300",
        (("9 h 25", "17 h 40"), ("10 h 45", "20 h"), ("14 h 30", "18 h 30")),
    ),
    "sirius.jsonl": Institute(
        "Sirius",
        "les matériaux supraconducteurs",
        "Grenoble",
        1979,
        "Hortense Delmotte",
        2018,
        327,
        74,
        (("rubans de cuprate", 20), ("aimants sans hélium", 9), ("jonctions Josephson", 17)),
        "18 900",
        (("8 h 10", "20 h 15"), ("8 h 40", "21 h 30"), ("10 h 10", "15 h 50")),
    ),
    "dossier.zip/altair.txt": Institute(
        "Altaïr",
        "la migration des oiseaux",
        "La Rochelle",
        1983,
        "Élie Bonnafous",
        2016,
        69,
        11,
        (("cigognes noires", 5), ("bagues électroniques", 10), ("haltes des limicoles", 8)),
        "14 600",
        (("8 h 35", "16 h 15"), ("9 h 35", "17 h 50"), ("13 h 30", "18 h 15")),
    ),
    "dossier.zip/antares.md": Institute(
        "Antarès",
        "l’économie des ports",
        "Dunkerque",
        1995,
        "Ludivine Haezebrouck",
        2024,
        118,
        16,
        (("fret ferroviaire", 6), ("taxes de quai", 2), ("ports à sec", 9)),
        "22 100",
        (("9 h 05", "17 h 20"), ("9 h 50", "18 h 40"), ("10 h 20", "12 h 45")),
    ),
}
_ENGLISH = {
    "mizar.odt": Institute(
        "Mizar",
        "the chemistry of volcanoes",
        "Aberdeen",
        1966,
        "Rosalind Tweedie",
        2013,
        134,
        19,
        (("sulphur plumes", 11), ("crater lakes", 4), ("basalt glass", 7)),
        "35,600",
        (("8.15 am", "6.20 pm"), ("9.40 am", "5.10 pm"), ("10.30 am", "1.45 pm")),
    ),
    "rigel.json": Institute(
        "Rigel",
        "the history of timber building",
        "Norwich",
        1952,
        "Edmund Haverstock",
        2020,
        51,
        6,
        (("stave churches", 3), ("oak roofs", 14), ("shipyard cranes", 5)),
        "72,900",
        (("9.20 am", "5.50 pm"), ("10.10 am", "7.15 pm"), ("11.05 am", "2.35 pm")),
    ),
}
INSTITUTES: dict[str, dict[str, Institute]] = {"fr": _FRENCH, "en": _ENGLISH}
"""By language, and by the path of the file that tells of them."""
