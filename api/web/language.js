// The language of the interface: the browser's, until another one is chosen.

import { texts } from "./texts.js";

const STORED = "campus-qa.language";
const VALUE = /\{(\w+)\}/g;

let current = stored() ?? preferred();

export const language = () => current;

export function setLanguage(chosen) {
  current = chosen;
  try {
    localStorage.setItem(STORED, chosen);
  } catch {
    // Where nothing may be stored, the choice lasts as long as the page.
  }
}

/**
 * What the interface says under a name, with its values put in. Of a text in several numbers, the
 * one that fits `n` is taken.
 */
export function t(name, values = {}) {
  const said = texts[current][name];
  if (Array.isArray(said)) return said.map(typeset);
  const text = typeof said === "string" ? said : (said[pluralRule(values.n)] ?? said.other);
  return typeset(text).replace(VALUE, (_, key) => shown(values[key]));
}

export const formatPercent = (share) =>
  new Intl.NumberFormat(current, { style: "percent", maximumFractionDigits: 0 }).format(share);

export const formatSeconds = (seconds) =>
  new Intl.NumberFormat(current, {
    style: "unit",
    unit: "second",
    maximumFractionDigits: seconds < 10 ? 1 : 0,
  }).format(seconds);

export const formatDate = (date) =>
  new Intl.DateTimeFormat(current, { dateStyle: "long", timeStyle: "short" }).format(new Date(date));

/** Fill in the texts of all that names one in the page as it was loaded. */
export function translatePage() {
  document.documentElement.lang = current;
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = t(element.dataset.text);
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", t(element.dataset.label));
    if (element.matches("button")) element.title = t(element.dataset.label);
  }
}

function shown(value) {
  return typeof value === "number" ? new Intl.NumberFormat(current).format(value) : String(value);
}

function pluralRule(count) {
  return new Intl.PluralRules(current).select(count);
}

/** French signs stand behind a narrow space that does not break. */
function typeset(text) {
  if (current !== "fr") return text;
  return text.replace(/ (?=[:;?!»%])/g, "\u202f").replace(/« /g, "«\u202f");
}

/** A text of any language, its numbers and French signs not torn apart at the end of a line. */
export function tie(text) {
  return text
    .replace(/(?<=\d) (?=\d{3}(?!\d))| (?=[:;?!»%])/g, "\u00a0")
    .replace(/(?<=«) /g, "\u00a0");
}

function stored() {
  try {
    const chosen = localStorage.getItem(STORED);
    return chosen in texts ? chosen : null;
  } catch {
    return null;
  }
}

function preferred() {
  const languages = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase());
  return languages.find((tag) => tag in texts) ?? "en";
}
