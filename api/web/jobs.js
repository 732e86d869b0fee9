// The work that goes on in the service after an upload or a removal.

import { getDocuments, getJob, getJobs, Problem } from "./api.js";

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 3000;
const SLOWER = 1.2;
const MOST_LOOKS_FOR_INDEX = 60;

/** The work that goes on now; null if there is none. */
export async function findOpenJob() {
  const { jobs } = await getJobs();
  return jobs.find(isOpen) ?? null;
}

/**
 * Follow a job to its end and until the service has moved on to its index; `show` is told how it
 * stands each time. Gives the job as it ended.
 */
export async function followJob(job, show) {
  let current = job;
  for (let looks = 0; isOpen(current); looks += 1) {
    show(current);
    await pause(looks);
    current = await patiently(() => getJob(job.id));
  }
  if (current.status === "done") {
    show({ ...current, status: "finishing" });
    await untilServed(current.index_version);
  }
  return current;
}

const isOpen = ({ status }) => status === "queued" || status === "running";

/** Wait until documents are answered from a version of the index, or from none. */
async function untilServed(version) {
  for (let looks = 0; looks < MOST_LOOKS_FOR_INDEX; looks += 1) {
    if ((await patiently(servedVersion)) === version) return;
    await pause(looks);
  }
}

async function servedVersion() {
  try {
    return (await getDocuments()).index_version;
  } catch (error) {
    if (error instanceof Problem && error.status === 503) return null;
    throw error;
  }
}

/** Look again later where there have been too many requests. */
async function patiently(look) {
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (error.status !== 429) throw error;
      await sleep((error.retryAfter || 1) * 1000);
    }
  }
}

/** Short at first, as most work is, then longer. */
const pause = (looks) => sleep(Math.min(LONGEST_PAUSE, FIRST_PAUSE * SLOWER ** looks));

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
