// The page: what its parts do when they are used.

import {
  askQuestion,
  clear,
  isAsking,
  isEmpty,
  onChange,
  showAgain,
  stop,
} from "./conversation.js";
import { openDocuments, showIndex, startDocuments } from "./documents.js";
import { byId, make } from "./dom.js";
import { language, setLanguage, t, translatePage } from "./language.js";
import { closePanel, showPanelAgain } from "./panel.js";

const question = byId("question");
const languages = document.querySelectorAll("[data-language]");

function speak() {
  translatePage();
  for (const button of languages) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language()));
  }
  byId("examples")
    .querySelector("ul")
    .replaceChildren(...t("examples").map(example));
  showState();
  showIndex();
  showAgain();
  showPanelAgain();
}

function example(text) {
  const onclick = () => {
    send(text);
    document.querySelector(".turn:last-child .question").focus({ preventScroll: true });
  };
  return make("li", {}, make("button", { type: "button", class: "example", onclick }, text));
}

/** What is there before the first question, and what there is instead from then on. */
function showState() {
  const empty = isEmpty();
  document.body.classList.toggle("started", !empty);
  byId("examples").hidden = !empty;
  byId("new-conversation").hidden = empty;
  byId("stop").hidden = !isAsking();
  byId("submit").hidden = isAsking();
  question.placeholder = t(empty ? "askFirst" : "askNext");
}

function send(text) {
  if (!text.trim() || isAsking()) return;
  question.value = "";
  askQuestion(text.trim());
}

onChange(showState);
byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  send(question.value);
});
question.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send(question.value);
});
byId("stop").addEventListener("click", () => {
  stop();
  question.focus();
});
byId("new-conversation").addEventListener("click", () => {
  clear();
  closePanel();
  question.focus();
});
byId("open-documents").addEventListener("click", (event) => openDocuments(event.currentTarget));
byId("no-documents")
  .querySelector("button")
  .addEventListener("click", (event) => openDocuments(event.currentTarget));
for (const button of languages) {
  button.addEventListener("click", () => {
    setLanguage(button.dataset.language);
    speak();
  });
}

speak();
startDocuments();
