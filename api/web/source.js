// A document in the panel, open where a citation stands in it.

import { getDocument, getText, Problem } from "./api.js";
import { length, slice } from "./codepoints.js";
import { byId, linkButton, make } from "./dom.js";
import { t, tie } from "./language.js";
import { addAbove, bringIntoView, openPanel } from "./panel.js";
import { showProblem } from "./problems.js";

/** How much is shown around a citation, in code points. */
const AROUND = 4000;

/**
 * Open a document where a citation or a passage stands in it, or at its beginning if the place has
 * no `start`.
 */
export async function openSource(place, trigger, goBack = null) {
  const content = make("div", { class: "source-view", "aria-busy": "true" }, t("loading"));
  const redo = () => openSource(place, trigger, goBack);
  openPanel({ title: tie(place.title), trigger, goBack, redo }, [...describe(place), content]);
  let nodes;
  try {
    nodes = await load(place);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    nodes = missing(place, error);
  }
  // Something else may have been opened meanwhile.
  if (!content.isConnected) return;
  content.replaceChildren(...nodes);
  content.removeAttribute("aria-busy");
  byId("panel-title").lang = content.querySelector(".document")?.lang ?? "";
  const mark = content.querySelector("mark");
  if (mark) bringIntoView(mark);
}

async function load(place) {
  const details = await getDocument(place.document_id);
  const { start = 0, end = 0 } = place;
  const from = Math.max(0, start - AROUND);
  const to = Math.min(details.characters, end + AROUND);
  const text = await getText(details.id, from, to);
  const cited = slice(text, start - from, end - from);
  const said = quoteOf(place);
  const isThere = cited === said;
  const pieces = isThere
    ? [
        ...withHeadings(details, slice(text, 0, start - from), from),
        ...(cited ? [marked(place, cited)] : []),
        ...withHeadings(details, slice(text, end - from, to - from), end),
      ]
    : withHeadings(details, text, from);
  const shown = make("div", { class: "document", lang: details.language }, pieces);
  return [
    facts(details),
    details.gaps.length > 0 && gaps(details.gaps),
    !isThere && make("p", { class: "note" }, t("changed")),
    !isThere && make("blockquote", {}, said),
    moreAbove(details, shown, from),
    shown,
    moreBelow(details, shown, to),
  ].filter(Boolean);
}

const quoteOf = ({ quote, text }) => quote ?? text ?? "";

function missing(place, problem) {
  const gone = problem.status === 404 && quoteOf(place);
  return gone
    ? [make("p", { class: "note" }, t("gone")), make("blockquote", {}, quoteOf(place))]
    : [showProblem(problem)];
}

/** Where a place is said to be, and where its document comes from. */
function describe({ title, heading, page, source }) {
  const where = [
    heading && heading !== title && heading,
    page != null && t("page", { n: page }),
  ].filter(Boolean);
  return [
    where.length > 0 && make("p", { class: "place" }, tie(where.join(" · "))),
    source && source !== title && make("p", { class: "origin" }, origin(source)),
  ].filter(Boolean);
}

function origin(source) {
  const [before, after] = t("source", { source: "\n" }).split("\n");
  return [before, isWebAddress(source) ? webLink(source) : source, after];
}

function isWebAddress(source) {
  return URL.canParse(source) && ["http:", "https:"].includes(new URL(source).protocol);
}

const webLink = (address) =>
  make("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, address);

function facts({ language, characters, pages, metadata }) {
  const said = [
    t(language),
    metadata.date?.slice(0, 10),
    pages !== null && t("pages", { n: pages }),
    t("characters", { n: characters }),
  ];
  return make("p", { class: "facts" }, said.filter(Boolean).join(" · "));
}

function gaps(unread) {
  return make(
    "div",
    { class: "note" },
    t("gaps"),
    make(
      "ul",
      {},
      unread.map(({ where, reason }) => make("li", { lang: "en" }, `${where}: ${reason}`)),
    ),
  );
}

/** The cited text, with the few words in it that answer marked more strongly. */
function marked({ start, highlight }, cited) {
  if (!highlight) return make("mark", {}, cited);
  const [first, last] = [highlight.start - start, highlight.end - start];
  return make(
    "mark",
    {},
    slice(cited, 0, first),
    make("strong", {}, slice(cited, first, last)),
    slice(cited, last, cited.length),
  );
}

/** A part of a document's text that begins at `offset`, its headings set apart. */
function withHeadings({ headings }, text, offset) {
  const end = offset + length(text);
  const nodes = [];
  let at = offset;
  for (const { start } of headings.filter(({ start }) => start >= offset && start < end)) {
    const line = slice(text, start - offset, end - offset).split("\n", 1)[0];
    if (start < at || !line) continue;
    nodes.push(slice(text, at - offset, start - offset), make("b", { class: "heading" }, line));
    at = start + length(line);
  }
  return [...nodes, slice(text, at - offset, end - offset)];
}

function moreAbove(details, shown, from) {
  let first = from;
  return moreButton(t("showAbove"), first > 0, async (button) => {
    const before = Math.max(0, first - 2 * AROUND);
    const text = await getText(details.id, before, first);
    addAbove(() => {
      shown.prepend(...withHeadings(details, text, before));
      if (before === 0) button.remove();
    });
    first = before;
  });
}

function moreBelow(details, shown, to) {
  let last = to;
  return moreButton(t("showBelow"), last < details.characters, async (button) => {
    const after = Math.min(details.characters, last + 2 * AROUND);
    shown.append(...withHeadings(details, await getText(details.id, last, after), last));
    if (after === details.characters) button.remove();
    last = after;
  });
}

/** A button that shows more; `load` does, and removes it once there is nothing more to show. */
function moreButton(words, isMore, load) {
  if (!isMore) return null;
  const button = make("p", { class: "more" });
  let isLoading = false;
  const onclick = async () => {
    if (isLoading) return;
    isLoading = true;
    try {
      await load(button);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      button.replaceChildren(showProblem(error));
    }
    isLoading = false;
    if (!button.isConnected) byId("panel-body").focus({ preventScroll: true });
  };
  button.append(linkButton(words, onclick));
  return button;
}
