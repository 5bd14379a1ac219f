// What arrives at the desk by itself: documents, complete reports, states of the readers. The service tells; this listens.

import { fail } from "./screen.js";

const LAST = "dafec.lastEvent";
const SLOW_MS = 10_000;
const GONE_MS = 8_000;
const data = JSON.parse(document.getElementById("desk-data").textContent);
const place = document.getElementById("readers");
const readers = new Map();
let newest = null;
let timer = null;
let gone = null;

/** A document that arrives takes the place of the one that is shown; of several at once the last. */
function show(id) {
  newest = id;
  clearTimeout(timer);
  timer = setTimeout(() => {
    if (newest !== data.screening && document.body.dataset.state !== "busy") location.assign(`/screenings/${encodeURIComponent(newest)}`);
  }, 100);
}

/** The complete report is in the same places; while a question is open, nothing changes under the finger. */
function renew() {
  if (document.querySelector("dialog[open]")) setTimeout(renew, 400);
  else location.reload();
}

function tell(text, remedy) {
  const line = document.createElement("p");
  const strong = document.createElement("strong");
  strong.textContent = text;
  line.append(strong, remedy ? ` ${remedy}` : "");
  return line;
}

function showReaders() {
  const lines = [];
  if (gone === true) lines.push(tell(...data.texts.gone.split("|")));
  for (const { name, state, code } of readers.values()) {
    if (state === "ready" || state === "busy") continue;
    const said = data.errors[code] ?? { message: data.states[state] ?? state, remedy: "" };
    const line = tell(`${data.texts.reader} `, "");
    const label = document.createElement("bdi");
    label.dir = "ltr";
    label.textContent = name;
    line.append(label, `: ${said.message} ${said.remedy}`);
    lines.push(line);
  }
  const fit = [...readers.values()].filter(({ state }) => state === "ready" || state === "busy").length;
  const short = readers.size ? data.texts.readers_short.replace("{ready}", fit).replace("{all}", readers.size) : "";
  document.getElementById("readers-short").textContent = gone === true ? "" : short;
  place.replaceChildren(...lines);
  place.hidden = lines.length === 0;
}

function listen() {
  const after = sessionStorage.getItem(`${LAST}.${data.desk}`);
  const source = new EventSource(`/api/v1/desks/${encodeURIComponent(data.desk)}/events${after ? `?after=${after}` : ""}`);
  const on = (name, act) => source.addEventListener(name, (event) => {
    if (event.lastEventId) sessionStorage.setItem(`${LAST}.${data.desk}`, event.lastEventId);
    act(event.data ? JSON.parse(event.data) : {});
  });
  on("hello", ({ scanners }) => {
    clearTimeout(gone);
    gone = null;
    readers.clear();
    for (const one of scanners ?? []) readers.set(one.name, one);
    showReaders();
  });
  on("scanner", (one) => { readers.set(one.name, one); showReaders(); });
  on("screening.made", ({ id }) => { if (id !== data.screening) show(id); });
  on("screening.completed", ({ id }) => { if (id === data.screening) renew(); });
  on("screening.completion_failed", ({ id }) => {
    if (id === data.screening) document.getElementById("following").textContent = document.getElementById("following").dataset.failed;
  });
  on("arrival.refused", ({ code }) => { if (document.body.dataset.state !== "busy") fail({ code, ...(data.errors[code] ?? data.errors.unknown) }); });
  on("resync", () => {});
  source.addEventListener("error", () => {
    if (gone === null) gone = setTimeout(() => { gone = true; showReaders(); }, GONE_MS);
  });
}

if (data.completion === "due") {
  setTimeout(() => {
    const line = document.getElementById("following");
    if (line?.textContent) line.textContent = line.dataset.slow;
  }, SLOW_MS);
}
if (data.desk) listen();
