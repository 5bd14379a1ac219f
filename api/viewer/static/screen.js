// Sends a document, shows that it is being checked, and goes to its verdict. The old verdict is gone at once: nobody may
// take the verdict of the last document for that of this one.

import { sortByLight } from "./lights.js";

const SLOW_MS = 10_000;
const main = document.getElementById("main");
const progress = document.getElementById("progress");
const failure = document.getElementById("failure");
let busy = false;

/** Leaves the document that was shown: neither a reload nor a key nor a screen reader may bring its verdict back. */
function leave() {
  history.replaceState(null, "", "/");
  document.title = "DAFEC";
  for (const place of document.querySelectorAll(".place")) {
    place.removeAttribute("data-active");
    place.removeAttribute("aria-current");
  }
  const language = document.getElementById("language");
  language.href = `/?lang=${language.hreflang}`;
  for (const old of document.querySelectorAll("#result, #details, .told, .acts, #following, #decided")) old.remove();
}

function show(state) {
  leave();
  document.body.dataset.state = state;
  progress.hidden = state !== "busy";
  failure.hidden = state !== "failed";
}

export function fail(body) {
  for (const part of ["message", "remedy", "code"]) failure.querySelector(`[data-part=${part}]`).textContent = body[part] ?? "";
  show("failed");
  document.title = `${failure.querySelector("h2").textContent} – DAFEC`;
}

function ownFault(name) {
  const [message, remedy] = main.dataset[`text${name[0].toUpperCase()}${name.slice(1)}`].split("|");
  fail({ code: `page.${name}`, message, remedy });
}

function tooLarge(parts) {
  const sizes = [...parts.values()].map((file) => file.size);
  return Math.max(...sizes) > Number(main.dataset.maxImage) || sizes.reduce((a, b) => a + b, 0) + 4096 > Number(main.dataset.maxRequest);
}

/** A key nobody else has. crypto.randomUUID would not do: browsers keep it from pages that came over plain HTTP. */
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The answer's body; null where it is none of DAFEC's. */
async function bodyOf(answer) {
  const said = await answer.text();
  try {
    const body = JSON.parse(said);
    return typeof (answer.ok ? body.id : body.code) === "string" ? body : null;
  } catch {
    return null;
  }
}

/** Sends the parts. Only what the network refuses counts as "no answer": a fault of this page is not the service's. */
async function send(parts) {
  const form = new FormData();
  for (const [name, file] of parts) form.append(name, file, name);
  const headers = { "Accept-Language": document.documentElement.lang, "Idempotency-Key": newKey() };
  let answer, body;
  try {
    answer = await fetch("/api/v1/screenings", { method: "POST", body: form, headers });
    body = await bodyOf(answer);
  } catch {
    return ownFault("offline");
  }
  if (body === null) return ownFault("strangeAnswer");
  if (!answer.ok) return fail(body);
  location.assign(`/screenings/${encodeURIComponent(body.id)}`);
}

/** Screens the files of one document. */
export async function screen(files) {
  if (busy) return;
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
    await send(sorted.parts);
  } finally {
    clearTimeout(timer);
    busy = false;
  }
}
