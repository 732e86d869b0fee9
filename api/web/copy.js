// Answers as plain text, with the list of their sources.

import { t } from "./language.js";

/** Copy an answer; gives whether that was possible. */
export async function copyAnswer(answer) {
  const text = plainText(answer);
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without HTTPS there is no clipboard, and where there is one it may be refused.
    return copySelection(text);
  }
}

function plainText({ question, answer, citations }) {
  const sources = citations.map(({ marker, title, heading, page, source }) => {
    const where = [
      title,
      heading !== title && heading,
      page !== null && t("page", { n: page }),
      source !== title && source,
    ];
    return `[${marker}] ${where.filter(Boolean).join(", ")}`;
  });
  return [question, answer, [t("copySources"), ...sources].join("\n")].join("\n\n");
}

function copySelection(text) {
  const field = document.createElement("textarea");
  const focused = document.activeElement;
  field.value = text;
  field.className = "unseen";
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  focused?.focus({ preventScroll: true });
  return copied;
}
