// The examiner's case: layers, comparing, findings, marks, measuring, deciding. Every action has a key.

import { call, hideFailure, showFailure } from "./call.js";
import { Compare, Sync } from "./compare.js";
import { Findings } from "./findings.js";
import { listen, listenHeld } from "./keys.js";
import { Overlay, corners, parsePoints } from "./overlay.js";
import { shellKeys } from "./shell.js";
import { Stage } from "./stage.js";
import { Tools } from "./tools.js";
import { bindPanel } from "./panel.js";
import { Adjust } from "./adjust.js";
import { References } from "./references.js";

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("case-data").textContent);
const say = (text) => { byId("message").textContent = text; };
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");

async function start() {
  const stage = new Stage(byId("stage"), data);
  const overlay = new Overlay(stage);
  const compare = new Compare(stage, showState);
  const adjust = new Adjust([stage]);
  const references = new References(data, stage, say, refillAgainst);
  let beside = null;
  let sync = null;

  stage.viewer.addHandler("tile-load-failed", () => { byId("stage-state").textContent = data.texts.tile_failed; byId("stage-state").hidden = false; });
  stage.viewer.addOnceHandler("tile-drawn", () => { byId("stage-state").hidden = true; });
  await Promise.all(data.layers.map((layer) => stage.add(layer)));
  const first = data.layers.find((layer) => layer.name === "visible") ?? data.layers[0];
  compare.setBase(first.name);
  refillAgainst();
  if (data.outline) turnUpright();
  stage.whole(data.outline);

  /** Whole quarter turns alone: any other would no longer show true pixels. */
  function turnUpright() {
    const [[x0, y0], [x1, y1]] = data.outline;
    const turn = (Math.atan2(y1 - y0, x1 - x0) * 180) / Math.PI;
    stage.viewport.setRotation(-Math.round(turn / 90) * 90, true);
  }

  function refillAgainst() {
    const select = byId("against");
    const before = compare?.against || select.value;
    select.replaceChildren(...[...stage.items.keys()].map((name) => new Option(data.texts[`layer_${name.replace("-", "_")}`] ?? name, name)));
    const wanted = stage.items.has(before) && before !== compare.base ? before : [...stage.items.keys()].find((name) => name !== compare.base);
    select.value = wanted ?? "";
    compare.against = select.value;
  }

  async function showLayer(name) {
    if (name === "reference") {
      const light = stage.layers.get(compare.base)?.light ?? "visible";
      const found = await references.layer(light);
      byId("series-row").hidden = !references.listed?.length;
      if (!found) return;
      name = found;
    }
    byId("series-row").hidden = !references.listed?.length;
    if (!stage.items.has(name)) return say(fill(data.texts.not_captured, { layer: data.texts[`layer_${name}`] ?? name }));
    compare.setBase(name);
    byId("against").value = compare.against;
    say("");
  }

  function showState() {
    for (const button of document.querySelectorAll(".layer")) {
      const name = button.dataset.layer;
      const on = name === compare.base || (name === "reference" && compare.base.startsWith("reference-"));
      if (!button.disabled) button.setAttribute("aria-pressed", String(on));
    }
    for (const button of document.querySelectorAll(".mode")) button.setAttribute("aria-pressed", String(button.dataset.mode === compare.mode));
    const slider = ["fade", "curtain", "blink"].includes(compare.mode);
    byId("compare-tools").hidden = !compare.mode;
    byId("amount-row").hidden = !slider;
    if (slider) byId("amount-name").textContent = data.texts[`amount_${compare.mode}`];
    if (compare.mode === "curtain" || compare.mode === "fade") byId("amount").value = Math.round(compare.amount * 100);
  }

  async function setMode(mode) {
    compare.setMode(mode);
    if (compare.mode && !compare.against) return say(data.texts.nothing_to_compare);
    await showBeside(compare.mode === "beside");
    say(compare.mode === "difference" ? data.texts.difference_hint : "");
  }

  async function showBeside(on) {
    byId("stage-beside").hidden = !on;
    byId("lock").hidden = !on;
    await new Promise((done) => requestAnimationFrame(done)); // the picture has its new size only then
    if (!on) return;
    if (!beside) {
      beside = new Stage(byId("stage-beside"), data);
      beside.viewport.setRotation(stage.viewport.getRotation(), true);
      sync = new Sync(stage, beside);
      adjust.add(beside);
    }
    if (await references.layer(stage.layers.get(compare.base)?.light ?? "visible", { quiet: true })) {
      const reference = [...stage.items.keys()].find((name) => name.startsWith("reference-"));
      compare.against = reference;
      byId("against").value = reference;
    }
    await fillBeside();
    sync.follow(stage, beside, 1);
  }

  async function fillBeside() {
    const layer = stage.layers.get(compare.against);
    if (!beside || !layer) return;
    await beside.add(layer);
    beside.show(new Map([[layer.name, { opacity: 1 }]]));
    beside.element.setAttribute("aria-label", data.texts[`layer_${layer.name.replace("-", "_")}`] ?? layer.name);
    caption(beside, layer.name);
  }

  function caption(shown, name) {
    let place = shown.element.querySelector(".corner");
    if (!place) {
      place = document.createElement("span");
      place.className = "corner";
      shown.element.append(place);
    }
    place.textContent = data.texts[`layer_${name.replace("-", "_")}`] ?? name;
  }

  function toggleLock() {
    if (!sync || byId("stage-beside").hidden) return;
    sync.toggle();
    const button = byId("lock");
    button.setAttribute("aria-pressed", String(sync.locked));
    button.firstChild.textContent = `${sync.locked ? data.texts.locked : data.texts.unlocked} `;
    say(sync.locked ? data.texts.locked_hint : data.texts.unlocked_hint);
  }

  const findings = new Findings({ data, stage, overlay, showLayer });
  const tools = new Tools({ data, stage, overlay, compare, say, fill, saved: refreshMarks });

  function drawMarks() {
    const marks = [...document.querySelectorAll(".mark-row")].filter((row) => Number(row.dataset.page) === data.page && row.dataset.points);
    overlay.shapes = [
      ...findings.shapes(),
      ...marks.map((row) => {
        const layer = stage.layers.get(row.dataset.light);
        const scale = layer ? data.width / layer.width : 1;
        const points = parsePoints(row.dataset.points).map(([x, y]) => [x * scale, y * scale]);
        const shape = row.dataset.shape === "rectangle" ? "polygon" : row.dataset.shape;
        return { points: shape === "polygon" ? corners(points) : points, shape, kind: "mark", label: row.querySelector(".said").textContent.slice(0, 40) };
      }),
      ...tools.shapes(),
    ];
    overlay.draw();
  }
  findings.changed = drawMarks;
  tools.changed = drawMarks;

  async function refreshMarks() {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ["marks", "notes"]) byId(id).replaceWith(page.getElementById(id));
    drawMarks();
  }

  async function undo() {
    if (tools.cancel()) return;
    const last = [...document.querySelectorAll(".mark-row[data-mine]")].at(-1);
    if (!last) return say(data.texts.nothing_to_undo);
    try {
      hideFailure();
      await call("DELETE", `/api/v1/cases/${data.case}/annotations/${last.dataset.id}`, undefined, data.texts.offline);
      await refreshMarks();
      say(data.texts.undone);
    } catch (error) {
      showFailure(error);
    }
  }

  function showScale() {
    const zoom = stage.zoom;
    byId("zoom-text").textContent = `${Math.round(zoom * 100)} %`;
    const bar = byId("scale-bar");
    if (!data.scale) {
      bar.style.inlineSize = "0";
      byId("scale-text").textContent = data.texts.no_scale;
      return;
    }
    const mm = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100].findLast((length) => length * data.scale.px_per_mm * zoom <= 130) ?? 0.1;
    bar.style.inlineSize = `${mm * data.scale.px_per_mm * zoom}px`;
    byId("scale-text").textContent = `${mm} mm`;
  }
  stage.viewer.addHandler("update-viewport", showScale);
  showScale();

  for (const button of document.querySelectorAll(".layer")) button.addEventListener("click", () => showLayer(button.dataset.layer));
  for (const button of document.querySelectorAll(".mode")) button.addEventListener("click", () => setMode(button.dataset.mode));
  byId("against").addEventListener("change", async (event) => {
    compare.against = event.target.value;
    compare.apply();
    if (compare.mode === "beside") await fillBeside();
  });
  byId("amount").addEventListener("input", (event) => compare.setAmount(event.target.value / 100));
  byId("lock").addEventListener("click", toggleLock);
  byId("undo").addEventListener("click", undo);
  byId("panel-marks").addEventListener("click", (event) => {
    const row = event.target.closest(".mark-row");
    if (!row || Number(row.dataset.page) !== data.page || !row.dataset.points) return;
    showLayer(row.dataset.light);
    const layer = stage.layers.get(row.dataset.light);
    stage.look(parsePoints(row.dataset.points).map(([x, y]) => [(x * data.width) / layer.width, (y * data.width) / layer.width]));
  });

  const onStage = () => document.activeElement === byId("stage") || document.activeElement === document.body;
  const arrow = (across, down) => () => { if (!document.activeElement.closest("[role=tablist]")) stage.pan(across, down); };
  const panel = bindPanel({ data, call, showFailure, hideFailure, refreshMarks, say });
  listen({
    ...shellKeys,
    1: () => showLayer("visible"), 2: () => showLayer("ir"), 3: () => showLayer("uv"), 4: () => showLayer("reference"), 5: () => showLayer("bands"),
    b: () => setMode("blink"), f: () => setMode("fade"), c: () => setMode("curtain"), x: () => setMode("difference"), s: () => setMode("beside"), k: toggleLock,
    n: () => { panel.open("findings"); findings.step(1); }, p: () => { panel.open("findings"); findings.step(-1); },
    v: () => tools.choose("look"), r: () => tools.choose("rectangle"), o: () => tools.choose("point"), i: () => tools.choose("line"),
    t: () => tools.choose("note"), m: () => tools.choose("length"), a: () => tools.choose("angle"), z: undo,
    e: () => adjust.invert(), 0: () => adjust.reset(),
    "+": () => stage.zoomBy(1.5), "-": () => stage.zoomBy(1 / 1.5), u: () => stage.whole(data.outline), y: () => stage.truePixels(),
    ArrowLeft: arrow(-1, 0), ArrowRight: arrow(1, 0), ArrowUp: arrow(0, -1), ArrowDown: arrow(0, 1),
    Enter: () => { if (onStage()) tools.pointAtCentre(); }, Escape: () => tools.choose("look"),
    g: () => panel.open("findings"), w: () => panel.open("marks"), d: () => panel.open("decide"),
  });
  listenHeld("h", () => overlay.hide(true), () => overlay.hide(false));

  drawMarks();
  findings.openFromAddress();
  document.body.dataset.ready = "yes";
}

if (window.OpenSeadragon) start();
else {
  const panel = bindPanel({ data, call, showFailure, hideFailure, refreshMarks: () => location.reload(), say });
  listen({ ...shellKeys, g: () => panel.open("findings"), w: () => panel.open("marks"), d: () => panel.open("decide") });
  document.body.dataset.ready = "yes";
}
