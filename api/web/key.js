// The access key, asked for when the service wants one.

import { byId } from "./dom.js";
import { t } from "./language.js";

const KEPT = "campus-qa.key";

let asking = null;

/** The headers that give the key, if there is one. */
export function authorization() {
  const key = sessionStorage.getItem(KEPT);
  if (!key) return {};
  // A header is made of bytes; JavaScript wants each as the character of that number.
  const bytes = new TextEncoder().encode(key);
  return { Authorization: `Bearer ${String.fromCharCode(...bytes)}` };
}

/** Do something; where a key is wanted for it, ask for the key and do it again. */
export async function withKey(action) {
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (!error.asksForKey) throw error;
      // Several may want it at once: it is asked for once.
      asking ??= askForKey(error).finally(() => {
        asking = null;
      });
      const key = await asking;
      if (!key) throw error;
      sessionStorage.setItem(KEPT, key);
    }
  }
}

/** The key that is given; empty if none is. */
function askForKey({ status, detail }) {
  const dialog = byId("key");
  const field = byId("key-value");
  const wasGiven = sessionStorage.getItem(KEPT) !== null;
  byId("key-wanted").textContent = t(wasGiven ? "keyRefused" : "keyWanted");
  byId("key-reason").textContent = status === 403 ? detail : "";
  field.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  field.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
  });
}

byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  byId("key").close(byId("key-value").value.trim());
});
byId("key-cancel").addEventListener("click", () => byId("key").close(""));
