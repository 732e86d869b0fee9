// Problems, told in the language of the interface with what to do about them.

import { icon, make } from "./dom.js";
import { formatSeconds, t } from "./language.js";

const A_WHILE = 10;
const NAMES = {
  400: "invalid",
  401: "forbidden",
  403: "readOnly",
  404: "missing",
  409: "conflict",
  413: "tooLarge",
  415: "unknownFormat",
  422: "invalid",
  429: "tooMany",
  503: "notReady",
};

/** Statuses that the service's own words, which are English, say no more than. */
const PLAIN = new Set([401, 404, 429, 500]);

/** The problem in a few words. */
export const nameProblem = (problem) => t(nameOf(problem));

/** The problem in full: what is wrong, what to do, and what more the service itself says of it. */
export function showProblem(problem, ...actions) {
  const name = nameOf(problem);
  const seconds = formatSeconds(problem.retryAfter || A_WHILE);
  const said = detailOf(problem);
  return make(
    "div",
    { class: "problem" },
    icon("warning"),
    make(
      "div",
      {},
      make("p", {}, make("strong", {}, t(name)), ` ${t(`${name}Do`, { seconds })}`),
      said && make("p", { class: "hint" }, `${t("serviceSays")} `, make("span", { lang: "en" }, said)),
      name === "failed" &&
        problem.requestId &&
        make("p", { class: "hint" }, t("reference", { id: problem.requestId })),
      actions.length > 0 && make("div", { class: "buttons" }, actions),
    ),
  );
}

function detailOf({ status, detail, errors }) {
  if (PLAIN.has(status)) return "";
  return errors.map(({ field, message }) => `${field}: ${message}`).join("; ") || detail;
}

function nameOf(problem) {
  return problem.kind === "status" ? (NAMES[problem.status] ?? "failed") : problem.kind;
}
