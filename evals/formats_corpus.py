"""The formats corpus: a file of every format that can be read, and questions about it.

    python -m evals.formats_corpus FOLDER --questions evals/formats.jsonl

Each file tells of an institute of its own, from one template; those that are tables list several.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from evals import formats_writers as writers
from evals.formats_institutes import INSTITUTES, Institute
from evals.formats_writers import Row, Section, Text
from evals.question_set import Question


@dataclass(frozen=True, slots=True)
class Fact:
    """What can be asked of a section, and what in it answers: a sentence, an item or a row."""

    kind: str
    question: str
    answer: str
    evidence: str | Row
    section: Section


@dataclass(frozen=True, slots=True)
class Expected:
    """Where the evidence of a question stands: under which innermost heading, on which page."""

    question: Question
    path: str
    heading: str | None
    page: int | None


@dataclass(frozen=True, slots=True)
class _File:
    """A file's text, and the three facts of it that are asked for."""

    text: Text
    facts: tuple[Fact, ...]


_WRITERS = {
    ".txt": writers.write_text,
    ".md": writers.write_markdown,
    ".html": writers.write_html,
    ".pdf": writers.write_pdf,
    ".docx": writers.write_docx,
    ".odt": writers.write_odt,
    ".pptx": writers.write_pptx,
    ".xlsx": writers.write_xlsx,
    ".csv": writers.write_csv,
    ".epub": writers.write_epub,
    ".json": writers.write_json,
    ".jsonl": writers.write_jsonl,
}
_WINDOWS_TEXT = "betelgeuse.txt"
# On which page the first section stands, where there are pages.
_FIRST_PAGE = {".pdf": 1, ".pptx": 2}
_WITHOUT_HEADINGS = (".csv", ".jsonl")

_UNANSWERABLE = (
    ("fr", "Combien de doctorants l’Institut Aldébaran accueille-t-il ?"),
    ("fr", "Quelle est l’adresse électronique de l’Institut Deneb ?"),
    ("fr", "Quel architecte a dessiné le bâtiment de l’Institut Électre ?"),
    ("fr", "Combien de brevets l’Institut Sirius a-t-il déposés ?"),
    ("en", "Which company sponsors the Mizar Institute?"),
    ("en", "How much does a visit to the Rigel Institute cost?"),
)


def write_corpus(folder: Path) -> None:
    """Write the files into a folder, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    archives: dict[str, dict[str, bytes]] = {}
    for path, file in _files().items():
        write = writers.write_windows_text if path == _WINDOWS_TEXT else _WRITERS[_ending(path)]
        archive, _, member = path.rpartition("/")
        if archive:
            archives.setdefault(archive, {})[member] = write(file.text)
        else:
            (folder / path).write_bytes(write(file.text))
    for archive, members in archives.items():
        (folder / archive).write_bytes(writers.pack(members))


def expected() -> list[Expected]:
    """The questions that the corpus answers, and where."""
    return [
        _expect(path, number, fact, file.text)
        for path, file in _files().items()
        for number, fact in enumerate(file.facts, 1)
    ]


def questions() -> list[Question]:
    """All questions, those that the corpus does not answer last."""
    unanswerable = [
        Question(
            id=f"formats-none-{number}",
            lang=lang,
            kind="unanswerable",
            question=question,
            answerable=False,
        )
        for number, (lang, question) in enumerate(_UNANSWERABLE, 1)
    ]
    return [*(one.question for one in expected()), *unanswerable]


def write_questions(path: Path) -> None:
    """Write all questions as a question set in JSON Lines."""
    fields = {"id", "lang", "question", "answers", "evidence", "answerable", "kind"}
    lines = (question.model_dump_json(include=fields) + "\n" for question in questions())
    path.write_text("".join(lines), encoding="utf-8")


def _expect(path: str, number: int, fact: Fact, text: Text) -> Expected:
    ending = _ending(path)
    place = text.sections.index(fact.section)
    question = Question(
        id=f"formats-{Path(path).stem}-{number}",
        lang=text.language,
        kind=fact.kind,
        question=fact.question,
        answers=(fact.answer,),
        evidence=(_written(fact, ending),),
        answerable=True,
    )
    return Expected(
        question=question,
        path=f"{path}/{place + 1}" if ending == ".jsonl" else path,
        heading=None if ending in _WITHOUT_HEADINGS else fact.section.heading,
        page=_FIRST_PAGE[ending] + place if ending in _FIRST_PAGE else None,
    )


def _written(fact: Fact, ending: str) -> str:
    """The evidence as the text of the document has it."""
    match fact.evidence, ending:
        case str(sentence), _:
            return sentence
        case row, ".md":
            return writers.markdown_row(row)
        case row, ".txt" | ".json" | ".jsonl":
            return writers.plain_row(row)
        case row, _:
            header = fact.section.table[0]
            return "; ".join(f"{name}: {cell}" for name, cell in zip(header, row, strict=True))


def _ending(path: str) -> str:
    return Path(path).suffix


def _files() -> dict[str, _File]:
    files = {
        path: _describe(institute, place, language)
        for language, institutes in INSTITUTES.items()
        for place, (path, institute) in enumerate(institutes.items())
    }
    return files | {"instituts.csv": _list(), "reseau.xlsx": _workbook()}


_WORDINGS: dict[str, Mapping[str, str]] = {
    "fr": {
        "title": "Institut {name}",
        "summary": "L’Institut {name} étudie {subject}.",
        "history": "Histoire et direction",
        "founded": "L’Institut {name} a été fondé en {founded} à {city}.",
        "directed": "{director} dirige l’Institut {name} depuis {since}.",
        "means": "Recherche et moyens",
        "staff": "L’Institut {name} emploie {researchers} chercheurs.",
        "budget": "Le budget annuel de l’Institut {name} s’élève à {budget} millions d’euros.",
        "themes": "L’Institut {name} répartit ses projets entre trois thèmes :",
        "theme": "{theme} : {projects} projets",
        "library": "Bibliothèque",
        "books": "La bibliothèque de l’Institut {name} conserve {books} ouvrages.",
        "hours": "Voici les heures d’ouverture de la bibliothèque de l’Institut {name}.",
        "header": "Jour,Ouverture,Fermeture",
        "days": "lundi,mercredi,samedi",
        "when founded?": "En quelle année l’Institut {name} a-t-il été fondé ?",
        "who?": "Qui dirige l’Institut {name} ?",
        "where?": "Dans quelle ville l’Institut {name} a-t-il été fondé ?",
        "projects?": "Combien de projets l’Institut {name} consacre-t-il au thème « {theme} » ?",
        "projects": "{projects} projets",
        "closing?": "À quelle heure la bibliothèque de l’Institut {name} ferme-t-elle le {day} ?",
        "budget?": "Quel est le budget annuel de l’Institut {name} ?",
        "euros": "{budget} millions d’euros",
        "books?": "Combien d’ouvrages la bibliothèque de l’Institut {name} conserve-t-elle ?",
    },
    "en": {
        "title": "The {name} Institute",
        "summary": "The {name} Institute studies {subject}.",
        "history": "History and direction",
        "founded": "The {name} Institute was founded in {city} in {founded}.",
        "directed": "{director} has directed the {name} Institute since {since}.",
        "means": "Research and means",
        "staff": "The {name} Institute employs {researchers} researchers.",
        "budget": "The annual budget of the {name} Institute is {budget} million euros.",
        "themes": "The {name} Institute has projects on three themes:",
        "theme": "{theme}: {projects} projects",
        "library": "Library",
        "books": "The library of the {name} Institute holds {books} books.",
        "hours": "These are the opening hours of the library of the {name} Institute.",
        "header": "Day,Opening,Closing",
        "days": "Monday,Wednesday,Saturday",
        "when founded?": "In which year was the {name} Institute founded?",
        "who?": "Who directs the {name} Institute?",
        "where?": "In which city was the {name} Institute founded?",
        "projects?": "How many projects does the {name} Institute have on {theme}?",
        "projects": "{projects} projects",
        "closing?": "When does the library of the {name} Institute close on {day}?",
        "budget?": "What is the annual budget of the {name} Institute?",
        "euros": "{budget} million euros",
        "books?": "How many books does the library of the {name} Institute hold?",
    },
}


def _describe(institute: Institute, place: int, language: str) -> _File:
    """The template. What is asked of it changes with the place of the institute among the others:
    a sentence of the first section, then the list and the library, or the table and the budget.
    """
    turn = place % 3
    theme, projects = institute.themes[turn]
    wording = _WORDINGS[language]
    days = wording["days"].split(",")
    known = asdict(institute) | {"theme": theme, "projects": projects, "day": days[turn]}
    said = {name: words.format(**known) for name, words in wording.items()}

    items = tuple(
        wording["theme"].format(theme=theme, projects=projects)
        for theme, projects in institute.themes
    )
    rows = tuple((day, *hours) for day, hours in zip(days, institute.hours, strict=True))
    history = Section(said["history"], (f"{said['founded']} {said['directed']}",))
    means = Section(said["means"], (f"{said['staff']} {said['budget']}", said["themes"]), items)
    library = Section(
        said["library"],
        (said["books"], said["hours"]),
        table=(tuple(wording["header"].split(",")), *rows),
    )

    opening = (
        Fact("date", said["when founded?"], str(institute.founded), said["founded"], history),
        Fact("factoid", said["who?"], institute.director, said["directed"], history),
        Fact("place", said["where?"], institute.city, said["founded"], history),
    )[turn]
    if place % 2:
        closing = institute.hours[turn][1]
        others = (
            Fact("time", said["closing?"], closing, rows[turn], library),
            Fact("number", said["budget?"], said["euros"], said["budget"], means),
        )
    else:
        others = (
            Fact("number", said["projects?"], said["projects"], items[turn], means),
            Fact("number", said["books?"], institute.books, said["books"], library),
        )
    text = Text(said["title"], said["summary"], language, (history, means, library))
    return _File(text, (opening, *others))


_HEADER = ("Institut", "Ville", "Chercheurs", "Budget en millions d’euros", "Direction")


def _list() -> _File:
    rows = (
        _HEADER,
        ("Institut Achernar", "Limoges", "61", "7", "Violette Peyrichout"),
        ("Institut Merak", "Colmar", "147", "21", "Gontran Schillinger"),
        ("Institut Dubhe", "Bayonne", "83", "12", "Maylis Etcheverry"),
        ("Institut Alkaïd", "Auxerre", "39", "4", "Célestin Morvandiau"),
    )
    table = Section("", table=rows)
    facts = (
        _cell("factoid", "Qui dirige l’Institut Merak ?", table, 2, 4),
        _cell("number", "Combien de chercheurs l’Institut Dubhe emploie-t-il ?", table, 3, 2),
        _cell("place", "Dans quelle ville se trouve l’Institut Alkaïd ?", table, 4, 1),
    )
    return _File(Text("", "", "fr", (table,)), facts)


def _workbook() -> _File:
    institutes = Section(
        "Instituts",
        table=(
            _HEADER,
            ("Institut Bellatrix", "Nancy", "152", "24", "Octave Reinhardt"),
            ("Institut Canopus", "Perpignan", "95", "13", "Fleur Casademont"),
            ("Institut Alcyone", "Le Havre", "208", "37", "Armand Lecacheux"),
        ),
    )
    libraries = Section(
        "Bibliothèques",
        table=(
            ("Bibliothèque", "Ouvrages", "Jour de fermeture"),
            ("Bibliothèque Bellatrix", "53700", "lundi"),
            ("Bibliothèque Canopus", "29400", "jeudi"),
            ("Bibliothèque Alcyone", "84100", "mercredi"),
        ),
    )
    facts = (
        _cell("factoid", "Qui dirige l’Institut Canopus ?", institutes, 2, 4),
        _cell("number", "Quel est le budget de l’Institut Bellatrix ?", institutes, 1, 3),
        _cell("date", "Quel jour la bibliothèque Alcyone est-elle fermée ?", libraries, 3, 2),
    )
    return _File(Text("Réseau Véga", "", "fr", (institutes, libraries)), facts)


def _cell(kind: str, question: str, table: Section, row: int, column: int) -> Fact:
    return Fact(kind, question, table.table[row][column], table.table[row], table)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m evals.formats_corpus",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="where the files go")
    parser.add_argument("--questions", type=Path, help="write the question set to this file too")
    arguments = parser.parse_args()
    write_corpus(arguments.folder)
    if arguments.questions:
        write_questions(arguments.questions)


if __name__ == "__main__":
    main()
