// The conversation: questions, the answers to them, and what is sent along with the next.

import { ask, Problem } from "./api.js";
import { slice } from "./codepoints.js";
import { announce, byId } from "./dom.js";
import { t } from "./language.js";
import { nameProblem } from "./problems.js";
import { makeTurn, showTurn } from "./turn.js";

const MOST_TURNS = 50;
const LONGEST_ANSWER = 20_000;

/** Each `{turn, element}`, in order. */
const turns = [];
let running = null;

/** What is to be done whenever a turn begins or ends. */
let changed = () => {};

export const onChange = (listener) => {
  changed = listener;
};

export const isEmpty = () => turns.length === 0;
export const isAsking = () => running !== null;
export const stop = () => running?.abort();

/** Ask a question after those before it. */
export async function askQuestion(question) {
  const turn = { question, state: "waiting", passages: [], text: "", answer: null, problem: null };
  const history = historyOf(turns);
  const element = makeTurn(turn);
  turns.push({ turn, element });
  byId("conversation").append(element);
  await answerTurn(turn, element, history);
}

/** Forget all that was asked. */
export function clear() {
  stop();
  turns.length = 0;
  byId("conversation").replaceChildren();
  changed();
}

/** Show everything again, in another language. */
export function showAgain() {
  for (const { turn, element } of turns) show(turn, element);
}

async function answerTurn(turn, element, history) {
  const control = new AbortController();
  running = control;
  show(turn, element);
  changed();
  element.scrollIntoView({ block: "start" });
  announce(t("searching"));
  try {
    await follow(turn, element, history, control.signal);
  } catch (error) {
    fail(turn, error);
  } finally {
    if (running === control) running = null;
    show(turn, element);
    changed();
  }
}

async function follow(turn, element, history, signal) {
  for await (const { event, data } of ask(turn.question, history, signal)) {
    if (event === "answer") {
      turn.answer = data;
      continue;
    }
    if (event === "passages") turn.passages = data.passages;
    else if (event === "token") turn.text += data.text;
    turn.state = "answering";
    show(turn, element);
  }
  turn.state = "answered";
  announce(t("answered", { text: turn.answer.answer }));
}

function fail(turn, error) {
  if (error.name === "AbortError") {
    turn.state = "stopped";
    announce(t("stopped"));
    return;
  }
  if (!(error instanceof Problem)) throw error;
  turn.state = "failed";
  turn.problem = error;
  announce(nameProblem(error));
}

function show(turn, element) {
  showTurn(element, turn, () => askAgain(turn, element));
}

async function askAgain(turn, element) {
  if (isAsking()) return;
  const before = turns.slice(0, turns.findIndex((each) => each.turn === turn));
  Object.assign(turn, { state: "waiting", passages: [], text: "", problem: null });
  await answerTurn(turn, element, historyOf(before));
}

/** What was answered, in order; the service takes as much as this. */
function historyOf(asked) {
  return asked
    .filter(({ turn }) => turn.answer)
    .slice(-MOST_TURNS)
    .map(({ turn }) => ({
      question: turn.question,
      answer: slice(turn.answer.answer, 0, LONGEST_ANSWER),
    }));
}
