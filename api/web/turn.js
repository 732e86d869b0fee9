// A question and what came of it, as it is shown.

import { copyAnswer } from "./copy.js";
import { announce, icon, linkButton, make } from "./dom.js";
import { formatPercent, formatSeconds, t, tie } from "./language.js";
import { showProblem } from "./problems.js";
import { openSource } from "./source.js";

const MARKER = /\s?\[(\d+)\]/g;
const LONGEST_HEADLINE = 120;
const EXCERPT = 180;
const HIGH = 0.75;
const MEDIUM = 0.45;

/**
 * The element of a turn: `{question, state, passages, text, answer, problem}`, where the state is
 * `waiting`, `answering`, `answered`, `stopped` or `failed`.
 */
export function makeTurn(turn) {
  const title = make("h2", { class: "question", tabindex: "-1" }, tie(turn.question));
  return make("article", { class: "turn" }, title, make("div", { class: "outcome" }));
}

/** Show how a turn stands now. `again` asks its question once more. */
export function showTurn(element, turn, again) {
  const [title, outcome] = element.children;
  const hadFocus = outcome.contains(document.activeElement);
  element.dataset.state = turn.state;
  element.setAttribute("aria-busy", String(isOpen(turn)));
  if (turn.answer) title.lang = turn.answer.language;
  outcome.replaceChildren(...parts(turn, again).filter(Boolean));
  if (hadFocus) title.focus({ preventScroll: true });
}

const isOpen = (turn) => turn.state === "waiting" || turn.state === "answering";

function parts(turn, again) {
  if (turn.answer) return turn.answer.answered ? answered(turn.answer) : refused(turn.answer);
  const said = turn.text && make("p", { class: "text" }, withMarkers(turn.text));
  if (turn.state === "failed") return [said, showProblem(turn.problem, againButton(again))];
  if (turn.state === "stopped") {
    return [said, make("p", { class: "note" }, t("stopped"), " ", againButton(again))];
  }
  return [said, waiting(turn)];
}

function waiting({ passages, text }) {
  if (!passages.length) return make("p", { class: "waiting" }, t("searching"));
  return make(
    "div",
    { class: "reading" },
    !text && make("p", { class: "waiting" }, t("reading")),
    passageList(passages),
  );
}

function answered(answer) {
  const headline = makeHeadline(answer);
  return [
    understood(answer),
    make(
      "div",
      { class: "answer", lang: answer.language },
      headline,
      make("p", { class: "text" }, withMarkers(answer.answer, answer.citations)),
    ),
    answer.fallback &&
      make(
        "p",
        { class: "note fallback" },
        t("fallback"),
        make("span", { class: "hint", lang: "en" }, ` ${answer.fallback}`),
      ),
    make(
      "ol",
      { class: "sources", "aria-label": t("sources") },
      answer.citations.map((citation) => make("li", {}, sourceButton(citation))),
    ),
    make(
      "div",
      { class: "about" },
      confidence(answer.confidence),
      make(
        "span",
        {},
        answer.mode === "generative" ? t("wordedBy", { model: answer.model }) : t("verbatim"),
      ),
    ),
    copyButton(answer),
    details(answer),
  ];
}

function refused(answer) {
  return [
    understood(answer),
    make(
      "div",
      { class: "refusal" },
      make(
        "p",
        { class: "text", lang: answer.language },
        icon("none"),
        firstSentence(answer.answer),
      ),
      answer.passages.length > 0 && [
        make("h3", {}, t("nearest")),
        passageList(answer.passages),
      ],
    ),
  ];
}

/** The nearest passages, which a refusal goes on to name, stand below it as links. */
const firstSentence = (text) => text.split(/(?<=\.) /, 1)[0];

function understood({ understood_as: question, language }) {
  if (!question) return null;
  const [before, after] = t("understoodAs", { question: "\n" }).split("\n");
  return make(
    "p",
    { class: "understood" },
    before,
    make("span", { lang: language }, tie(question)),
    after,
  );
}

/** The few words that answer, unless they are all that is said. */
function makeHeadline({ short_answer: short, answer }) {
  if (!short || short.length > LONGEST_HEADLINE || short.includes("\n")) return null;
  const bare = (text) => text.replace(/[\s.!?…]+$/, "").trim();
  // Where several documents are quoted, each is named before a colon.
  const sentences = answer.split(MARKER).flatMap((said) => [said, said.replace(/^.*?» ?:|^.*?”:/s, "")]);
  if (sentences.map(bare).includes(bare(short))) return null;
  return make("p", { class: "short" }, tie(short));
}

/** An answer's text, with a button for each marker; a marker without its citation is text. */
function withMarkers(text, citations = []) {
  const nodes = [];
  let at = 0;
  for (const found of text.matchAll(MARKER)) {
    const citation = citations.find(({ marker }) => marker === Number(found[1]));
    nodes.push(tie(text.slice(at, found.index)), "\u00a0");
    nodes.push(citation ? citeButton(citation) : make("span", { class: "cite" }, found[1]));
    at = found.index + found[0].length;
  }
  return [...nodes, tie(text.slice(at))];
}

function citeButton(citation) {
  return make(
    "button",
    {
      type: "button",
      class: "cite",
      "aria-haspopup": "dialog",
      "aria-label": t("citation", { n: citation.marker, title: citation.title }),
      onclick: (event) => openSource(citation, event.currentTarget),
    },
    String(citation.marker),
  );
}

function sourceButton(citation) {
  return make(
    "button",
    {
      type: "button",
      class: "source",
      "aria-haspopup": "dialog",
      onclick: (event) => openSource(citation, event.currentTarget),
    },
    make("span", { class: "cite" }, String(citation.marker)),
    make("span", {}, ...describePlace(citation)),
  );
}

function passageList(passages) {
  return make(
    "ul",
    { class: "passages" },
    passages.map((passage) =>
      make(
        "li",
        {},
        make(
          "button",
          {
            type: "button",
            class: "source",
            "aria-haspopup": "dialog",
            onclick: (event) => openSource(passage, event.currentTarget),
          },
          make("span", {}, ...describePlace(passage), make("span", { class: "excerpt" }, excerpt(passage))),
        ),
      ),
    ),
  );
}

/** Where a citation or a passage stands, in words. */
function describePlace({ title, heading, page }) {
  const where = [
    heading && heading !== title && heading,
    page !== null && t("page", { n: page }),
  ].filter(Boolean);
  return [
    make("span", { class: "source-title" }, tie(title)),
    where.length > 0 && make("span", { class: "source-place" }, tie(where.join(" · "))),
  ];
}

/** How a passage begins, after the title and headings that it may begin with. */
function excerpt({ text, title, heading }) {
  const flatten = (line) => line.replace(/^#+ /, "").replace(/\s+/g, " ").trim();
  const known = ["", flatten(title), flatten(heading)];
  const lines = text.split("\n").map(flatten);
  const flat = lines.filter((line) => !known.includes(line)).join(" ");
  return tie(flat.length > EXCERPT ? `${flat.slice(0, EXCERPT).replace(/\s\S*$/, "")} …` : flat);
}

function confidence(share) {
  const level = share >= HIGH ? "High" : share >= MEDIUM ? "Medium" : "Low";
  const percent = formatPercent(share);
  return make(
    "span",
    { class: `confidence ${level.toLowerCase()}` },
    make("span", { class: "bars", "aria-hidden": "true" }, make("i"), make("i"), make("i")),
    t("confidence", { word: t(`confidence${level}`), percent }),
  );
}

function copyButton(answer) {
  const words = make("span", {}, t("copy"));
  const copy = async () => {
    const said = (await copyAnswer(answer)) ? t("copied") : t("copyFailed");
    words.textContent = said;
    announce(said);
  };
  return make(
    "button",
    { type: "button", class: "quiet copy", title: t("copyLabel"), onclick: copy },
    icon("copy"),
    words,
  );
}

function details({ confidence: share, passages, timings_ms: timings, index_version: version }) {
  return make(
    "details",
    { class: "details" },
    make("summary", {}, t("details")),
    make("p", {}, t("confidenceMeans", { percent: formatPercent(share) })),
    make("p", {}, t("took", { seconds: formatSeconds(timings.total / 1000), version })),
    make("h3", {}, t("passagesRead")),
    passageList(passages),
  );
}

const againButton = (again) => linkButton(t("again"), again);
