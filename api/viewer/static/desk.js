// The desk's page: files come in by button, key or drop; keys and lights are bound here.

import { correctRead, letPass, refer } from "./acts.js";
import "./arrivals.js";
import { keysOn, listen, setKeysOn } from "./keys.js";
import { droppedFiles } from "./lights.js";
import { screen } from "./screen.js";

const byId = (id) => document.getElementById(id);
const files = byId("files");
const folder = byId("folder");
const help = byId("help-dialog");
const details = byId("details");

for (const input of [files, folder]) {
  input.addEventListener("change", () => {
    const chosen = [...input.files];
    input.value = "";
    screen(chosen);
  });
}
byId("open").addEventListener("click", () => files.click());
byId("choose")?.addEventListener("click", () => files.click());
byId("open-folder").addEventListener("click", () => folder.click());
byId("help").addEventListener("click", () => help.showModal());

const keysBox = byId("keys-on");
keysBox.checked = keysOn();
keysBox.addEventListener("change", () => setKeysOn(keysBox.checked));

const lights = [...document.querySelectorAll(".light")];
function showLight(button) {
  if (!button?.dataset.url) return;
  const image = byId("picture-image");
  if (!image) return;
  image.setAttribute(image.localName === "image" ? "href" : "src", button.dataset.url);
  for (const light of lights) if (light.dataset.url) light.setAttribute("aria-pressed", String(light === button));
}
for (const light of lights) light.addEventListener("click", () => showLight(light));
for (const reason of document.querySelectorAll(".reason")) {
  const wanted = reason.querySelector(".number").dataset.light;
  reason.addEventListener("click", () => showLight(lights.find((light) => light.dataset.light === wanted)));
}

function toggleDetails() {
  if (!details?.isConnected) return;
  details.open = !details.open;
  if (!details.open) return;
  details.querySelector("summary").focus();
  details.scrollIntoView({ block: "start" });
}

listen({
  o: () => files.click(),
  f: () => folder.click(),
  d: toggleDetails,
  l: () => byId("language").click(),
  n: () => byId("next").click(),
  r: refer,
  p: letPass,
  c: correctRead,
  "?": () => help.showModal(),
  1: () => showLight(lights[0]),
  2: () => showLight(lights[1]),
  3: () => showLight(lights[2]),
});

const dropping = byId("dropping");
let depth = 0;
document.addEventListener("dragenter", (event) => { event.preventDefault(); depth += 1; dropping.hidden = false; });
document.addEventListener("dragleave", () => { depth -= 1; if (depth <= 0) dropping.hidden = true; });
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  depth = 0;
  dropping.hidden = true;
  if (![...event.dataTransfer.types].includes("Files")) return; // a text or a link that slipped
  screen(await droppedFiles(event.dataTransfer));
});

document.body.dataset.ready = "yes";
