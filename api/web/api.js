// The service: its routes, and what goes wrong with them.

import { authorization, withKey } from "./key.js";
import { readEvents } from "./sse.js";

/**
 * What went wrong. `kind` is `status`, where the service said so (in problem details, RFC 9457),
 * `unreachable` or `broken`, where it could not.
 */
export class Problem extends Error {
  /** `header` gives a header of the response. */
  constructor(kind, { status = 0, detail = "", errors = [] } = {}, header = () => null) {
    super(detail || kind);
    Object.assign(this, { kind, status, detail, errors });
    this.requestId = header("X-Request-ID") ?? "";
    /** Seconds to wait before the next try. */
    this.retryAfter = Number(header("Retry-After")) || 0;
  }

  /** Whether a key may help. */
  get asksForKey() {
    return this.status === 401 || this.status === 403;
  }
}

export const getDocuments = () => getJson("documents");
export const getDocument = (id) => getJson(`documents/${encodeURIComponent(id)}`);
export const getIndex = () => getJson("index");
export const getJob = (id) => getJson(`jobs/${encodeURIComponent(id)}`);
export const getJobs = () => getJson("jobs");
export const cancelJob = (id) => getJson(`jobs/${encodeURIComponent(id)}/cancel`, { method: "POST" });
export const removeDocument = (id) =>
  getJson(`documents/${encodeURIComponent(id)}`, { method: "DELETE" });

/** A slice of a document's text, in code points. */
export async function getText(id, start, end) {
  const path = `documents/${encodeURIComponent(id)}/text?start=${start}&end=${end}`;
  const bytes = await (await request(path)).arrayBuffer();
  // A byte order mark in the text is one of its code points.
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

/**
 * Ask, and follow the answer as it forms: `{event, data}` for `passages`, `token` and, last,
 * `answer`. Throws a Problem, or an AbortError when the signal says so.
 */
export async function* ask(question, history, signal) {
  const response = await request("ask", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
    body: JSON.stringify({ question, history, stream: true }),
    signal,
  });
  const header = (name) => response.headers.get(name);
  try {
    for await (const { event, data } of readEvents(response.body)) {
      const content = JSON.parse(data);
      if (event === "error") throw new Problem("status", content, header);
      yield { event, data: content };
      if (event === "answer") return;
    }
  } catch (error) {
    if (error instanceof Problem || error.name === "AbortError") throw error;
    throw new Problem("broken", {}, header);
  }
  throw new Problem("broken", {}, header);
}

/** Send files; `onProgress` is told the share that has been sent. Gives the job that indexes them. */
export const upload = (files, onProgress) => withKey(() => send(files, onProgress));

function send(files, onProgress) {
  const form = new FormData();
  for (const file of files) form.append("files", file);
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open("POST", "documents");
    for (const [name, value] of Object.entries(authorization())) {
      sending.setRequestHeader(name, value);
    }
    sending.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    };
    sending.onerror = () => reject(new Problem("unreachable"));
    sending.onload = () => {
      const content = parse(sending.responseText);
      if (sending.status === 202) resolve(content);
      else reject(refusal(sending.status, content, (name) => sending.getResponseHeader(name)));
    };
    sending.send(form);
  });
}

async function getJson(path, options) {
  return (await request(path, options)).json();
}

const request = (path, options) => withKey(() => requestOnce(path, options));

async function requestOnce(path, options = {}) {
  let response;
  try {
    response = await fetch(path, {
      ...options,
      headers: { ...options.headers, ...authorization() },
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("unreachable");
  }
  if (response.ok) return response;
  const content = parse(await response.text());
  throw refusal(response.status, content, (name) => response.headers.get(name));
}

/** A proxy on the way may answer with something else than problem details. */
function refusal(status, content, header) {
  return new Problem("status", { ...content, status }, header);
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
