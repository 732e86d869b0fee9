// The panel: beside the answers where there is room, else a sheet over them.

import { byId } from "./dom.js";

const panel = byId("panel");
const body = byId("panel-body");
const back = byId("panel-back");
const title = byId("panel-title");
const wide = matchMedia("(min-width: 64rem)");

/** What the panel shows; nothing while it is closed. */
let view = null;

/**
 * Open the panel, or show something else in it, and move the focus there.
 *
 * `next` is `{title, trigger, goBack, redo}`: `trigger` is the button that asked for it, to which the
 * focus returns; `goBack` leads to what was there before, if anything; `redo` shows the same again,
 * in another language.
 */
export function openPanel(next, nodes) {
  view?.trigger?.removeAttribute("aria-current");
  view = next;
  view.trigger?.setAttribute("aria-current", "true");
  back.hidden = !view.goBack;
  title.textContent = view.title;
  title.removeAttribute("lang");
  body.replaceChildren(...nodes);
  present();
  body.scrollTop = 0;
  title.focus({ preventScroll: true });
}

export function closePanel() {
  if (!view) return;
  const { trigger } = view;
  trigger?.removeAttribute("aria-current");
  view = null;
  panel.close();
  document.body.classList.remove("beside");
  body.replaceChildren();
  (trigger?.isConnected ? trigger : byId("question")).focus({ preventScroll: true });
}

/** Show the same again, in another language; the focus stays where it is. */
export function showPanelAgain() {
  if (!view) return;
  const focused = document.activeElement;
  view.redo();
  focused.focus({ preventScroll: true });
}

/** Scroll the panel so that an element stands in its upper third. */
export function bringIntoView(element) {
  const distance = element.getBoundingClientRect().top - body.getBoundingClientRect().top;
  body.scrollTop += distance - body.clientHeight / 4;
}

/** Add to what stands above in the panel without moving what is being read. */
export function addAbove(change) {
  const below = body.scrollHeight - body.scrollTop;
  change();
  body.scrollTop = body.scrollHeight - below;
}

function present() {
  document.body.classList.toggle("beside", wide.matches);
  if (panel.open) return;
  if (wide.matches) panel.show();
  else panel.showModal();
}

wide.addEventListener("change", () => {
  if (!view) return;
  const focused = document.activeElement;
  panel.close();
  present();
  focused.focus({ preventScroll: true });
});
back.addEventListener("click", () => view.goBack());
byId("panel-close").addEventListener("click", closePanel);
panel.addEventListener("click", (event) => {
  if (event.target === panel) closePanel();
});
// Escape: a sheet is cancelled by the browser, a panel beside the answers by nobody.
panel.addEventListener("cancel", (event) => {
  if (event.target !== panel) return;
  event.preventDefault();
  closePanel();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && view && !document.querySelector("dialog:modal")) closePanel();
});
