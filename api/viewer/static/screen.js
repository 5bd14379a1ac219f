// Sends a document, shows that it is being checked, and goes to its verdict. The old verdict is gone at once: nobody may
// take the verdict of the last document for that of this one.

import { sortByLight } from "./lights.js";

const SLOW_MS = 10_000;
const main = document.getElementById("main");
const progress = document.getElementById("progress");
const failure = document.getElementById("failure");
let busy = false;

function show(state) {
  document.body.dataset.state = state;
  progress.hidden = state !== "busy";
  failure.hidden = state !== "failed";
}

function fail(body) {
  for (const part of ["message", "remedy", "code"]) failure.querySelector(`[data-part=${part}]`).textContent = body[part] ?? "";
  show("failed");
}

function ownFault(name) {
  const [message, remedy] = main.dataset[`text${name[0].toUpperCase()}${name.slice(1)}`].split("|");
  fail({ code: `page.${name}`, message, remedy });
}

function tooLarge(parts) {
  const sizes = [...parts.values()].map((file) => file.size);
  return Math.max(...sizes) > Number(main.dataset.maxImage) || sizes.reduce((a, b) => a + b, 0) + 4096 > Number(main.dataset.maxRequest);
}

/** Screens the files of one document. */
export async function screen(files) {
  if (busy || files.length === 0) return;
  const sorted = sortByLight(files);
  if (sorted.fault) return ownFault(sorted.fault);
  if (tooLarge(sorted.parts)) return ownFault("tooLarge");
  busy = true;
  show("busy");
  const text = document.getElementById("progress-text");
  text.textContent = text.dataset.checking;
  const slow = document.getElementById("progress-slow");
  slow.hidden = true;
  const timer = setTimeout(() => { slow.hidden = false; }, SLOW_MS);
  try {
    const form = new FormData();
    for (const [light, file] of sorted.parts) form.append(light, file, light);
    const answer = await fetch("/api/v1/screenings", {
      method: "POST",
      body: form,
      headers: { "Accept-Language": document.documentElement.lang, "Idempotency-Key": crypto.randomUUID() },
    });
    const body = await answer.json();
    if (!answer.ok) return fail(body);
    location.assign(`/screenings/${encodeURIComponent(body.id)}`);
  } catch {
    ownFault("offline");
  } finally {
    clearTimeout(timer);
    busy = false;
  }
}
