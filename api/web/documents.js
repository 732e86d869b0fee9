// The documents: what there is, adding, removing, and how the work on them goes.

import { cancelJob, getDocuments, getIndex, Problem, removeDocument, upload } from "./api.js";
import { announce, byId, icon, linkButton, make } from "./dom.js";
import { findOpenJob, followJob } from "./jobs.js";
import { formatDate, formatPercent, formatSeconds, t, tie } from "./language.js";
import { openPanel } from "./panel.js";
import { showProblem } from "./problems.js";
import { openSource } from "./source.js";

const FORMATS =
  ".txt,.md,.markdown,.html,.htm,.xhtml,.pdf,.docx,.odt,.pptx,.xlsx,.csv,.tsv,.epub,.json,.jsonl,.ndjson,.zip";
const MOST_ROWS = 200;
const FEW = 8;
const STAGES = { "reading documents": "jobReading", "embedding passages": "jobEmbedding" };

/** What is indexed, and of which version that is; null until it is known. */
let documents = null;
let version = null;
let index = null;

/** How the work stands, as a function that shows it in the language of the moment. */
let work = () => null;
let followed = null;

const list = make("div", { class: "document-list" });
const workShown = make("div", { class: "work" });
const indexShown = make("p", { class: "facts index-facts" });

/** Ask the service what it has, and follow what it is working on. */
export async function startDocuments() {
  await refresh();
  const job = await attempt(findOpenJob);
  if (job) await follow(job);
}

export function openDocuments(trigger) {
  const redo = () => openDocuments(trigger);
  const nodes = [addArea(), workShown, filterField(), list, indexShown].filter(Boolean);
  openPanel({ title: t("documents"), trigger, redo }, nodes);
  showWork();
  showList();
  refresh();
}

/** The state of the index, in the words of the moment. */
export function showIndex() {
  const known = documents !== null;
  byId("document-count").textContent = documents?.length || "";
  byId("no-documents").hidden = !known || documents.length > 0;
  const words = index ? indexWords().join(" · ") : "";
  byId("index-state").textContent = words;
  indexShown.replaceChildren(
    ...(index ? [words, make("br"), t("indexVersion", { version: index.version })] : []),
  );
}

async function refresh() {
  const loaded = await attempt(load);
  if (!loaded || (documents && loaded.version === version)) return;
  ({ documents, version, index } = loaded);
  showIndex();
  showList();
}

async function load() {
  try {
    const [listed, described] = await Promise.all([getDocuments(), getIndex()]);
    return {
      documents: byTitle(listed.documents),
      version: listed.index_version,
      index: described,
    };
  } catch (error) {
    // Without documents there is no index.
    if (error.status === 503) return { documents: [], version: null, index: null };
    throw error;
  }
}

const byTitle = (found) => found.toSorted((one, other) => one.title.localeCompare(other.title));

/** What an action gives; null if it failed, which is then shown. */
async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    setWork(() => showProblem(error));
    return null;
  }
}

function indexWords() {
  return [
    t("indexState", { n: index.counts.documents }),
    t("indexPassages", { n: index.counts.passages }),
    t("indexSince", { date: formatDate(index.created_at) }),
  ];
}

function addArea() {
  const input = make("input", {
    id: "files",
    type: "file",
    multiple: true,
    accept: FORMATS,
    class: "unseen",
    "aria-describedby": "formats",
    onchange: () => {
      send([...input.files]);
      input.value = "";
    },
  });
  const area = make(
    "div",
    {
      class: "add",
      ondragover: (event) => {
        event.preventDefault();
        area.classList.add("dropping");
      },
      ondragleave: () => area.classList.remove("dropping"),
      ondrop: (event) => {
        event.preventDefault();
        area.classList.remove("dropping");
        send([...event.dataTransfer.files]);
      },
    },
    input,
    make("label", { for: "files", class: "plain" }, icon("add"), t("addDocuments")),
    make("span", { class: "drop-words" }, t("dropHere")),
    make("p", { id: "formats", class: "hint" }, t("formats")),
  );
  return area;
}

async function send(files) {
  if (!files.length) return;
  const progress = make("progress", { max: "1", value: "0", "aria-label": t("addDocuments") });
  const words = make("p", {});
  const show = (share) => {
    progress.value = share;
    words.textContent = t("sending", { n: files.length, percent: formatPercent(share) });
  };
  show(0);
  setWork(() => [words, progress]);
  const job = await attempt(() => upload(files, show));
  if (job) await follow(job);
}

/** Show how a job goes, unless a later one is to be shown, and what there is after it. */
async function follow(job) {
  followed = job.id;
  workShown.scrollIntoView({ block: "nearest" });
  const show = (words) => {
    if (followed === job.id) setWork(words);
  };
  const ended = await attempt(() => followJob(job, (state) => show(() => showProgress(state))));
  if (!ended) return;
  await refresh();
  show(() => showEnd(ended));
  announce(t(endOf(ended)));
}

function setWork(words) {
  work = words;
  showWork();
}

function showWork() {
  const hadFocus = workShown.contains(document.activeElement);
  workShown.replaceChildren(...[work()].flat().filter(Boolean));
  if (hadFocus) workShown.querySelector("button")?.focus();
}

function showProgress(job) {
  const embedding = job.stage === "embedding passages";
  const { done, total } = embedding ? job.passages : job.documents;
  const words = [
    t(job.status === "finishing" ? "jobFinishing" : (STAGES[job.stage] ?? "jobQueued")),
    job.seconds_left > 1 && t("jobLeft", { seconds: formatSeconds(Math.ceil(job.seconds_left)) }),
  ];
  const progress = make("progress", { max: "1", "aria-label": words[0] });
  if (total && job.status === "running") progress.value = done / total;
  const stop = linkButton(t("stop"), () => attempt(() => cancelJob(job.id)));
  return [
    make("p", {}, words.filter(Boolean).join(", "), job.status !== "finishing" && [" ", stop]),
    progress,
  ];
}

function endOf({ status, changed }) {
  if (status === "done") return changed ? "jobDone" : "jobUnchanged";
  return status === "cancelled" ? "jobCancelled" : "jobFailed";
}

function showEnd(job) {
  const failures = job.failures.length > 0 && [
    make("p", {}, t("jobFailures", { n: job.failures.length })),
    make(
      "ul",
      {},
      job.failures.map(({ path, reason }) =>
        make("li", {}, make("b", {}, path), make("span", { lang: "en" }, `: ${reason}`)),
      ),
    ),
  ];
  return make(
    "div",
    { class: job.status === "failed" || failures ? "note warning" : "note" },
    make("p", {}, t(endOf(job))),
    job.error && make("p", { class: "hint", lang: "en" }, job.error),
    failures,
  );
}

function filterField() {
  if (!documents || documents.length <= FEW) return null;
  return make("input", {
    id: "filter",
    type: "search",
    "aria-label": t("filter"),
    placeholder: t("filter"),
    oninput: showList,
  });
}

function showList() {
  const wanted = fold(byId("filter")?.value ?? "");
  const found = (documents ?? []).filter(({ title, path }) => fold(`${title} ${path}`).includes(wanted));
  const rest = found.length - MOST_ROWS;
  const rows = found.slice(0, MOST_ROWS).map(row);
  list.replaceChildren(
    ...[
      documents?.length === 0 && make("p", { class: "note" }, t("noDocuments")),
      documents?.length > 0 && !found.length && make("p", { class: "note" }, t("noneMatches")),
      rows.length > 0 && make("ul", {}, rows),
      rest > 0 && make("p", { class: "hint" }, t("more", { n: rest })),
    ].filter(Boolean),
  );
}

/** Without accents and capitals, as people type what they look for. */
const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

function row(info) {
  const element = make("li", { class: "document-row" });
  const open = make(
    "button",
    {
      type: "button",
      class: "source",
      onclick: () => {
        const place = { ...info, document_id: info.id };
        openSource(place, byId("open-documents"), () => openDocuments(byId("open-documents")));
      },
    },
    make("span", { class: "source-title", lang: info.language }, tie(info.title)),
    make("span", { class: "source-place" }, rowWords(info)),
  );
  const remove = make(
    "button",
    {
      type: "button",
      class: "quiet only-icon",
      "aria-label": t("removeLabel", { title: info.title }),
      title: t("remove"),
      onclick: () => askToRemove(element, info, remove),
    },
    icon("remove"),
  );
  element.append(open, remove);
  return element;
}

function rowWords({ path, language, characters, pages }) {
  const size = pages ? t("pages", { n: pages }) : t("characters", { n: characters });
  return [path, t(language), size].join("\u00a0· ");
}

function askToRemove(element, info, trigger) {
  const keep = make(
    "button",
    {
      type: "button",
      class: "plain",
      onclick: () => {
        question.remove();
        trigger.focus();
      },
    },
    t("keep"),
  );
  const confirm = make(
    "button",
    {
      type: "button",
      class: "danger",
      onclick: async () => {
        byId("panel-title").focus();
        question.remove();
        const job = await attempt(() => removeDocument(info.id));
        if (job) await follow(job);
      },
    },
    t("remove"),
  );
  const question = make(
    "div",
    { class: "confirm", role: "group", "aria-label": t("removeLabel", { title: info.title }) },
    make("p", {}, t("removeAsk")),
    make("div", { class: "buttons" }, confirm, keep),
  );
  element.querySelector(".confirm")?.remove();
  element.append(question);
  keep.focus();
}
