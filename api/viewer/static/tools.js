// Marks and measurements, by pointer or by keys: with a tool chosen, Enter sets a point in the middle of the picture.

import { call, hideFailure, showFailure } from "./call.js";
import { angleOf, lengthOf } from "./measure.js";
import { corners } from "./overlay.js";

const NEEDED = { rectangle: 2, point: 1, line: 2, note: 1, length: 2, angle: 3 };
const MEASURES = new Set(["length", "angle"]);
const byId = (id) => document.getElementById(id);

export class Tools {
  constructor({ data, stage, overlay, compare, say, fill, saved }) {
    Object.assign(this, { data, stage, overlay, compare, say, fill, saved });
    this.tool = "look";
    this.points = [];
    this.hover = null;
    this.measured = [];
    this.changed = () => {};
    for (const button of document.querySelectorAll(".tool")) button.addEventListener("click", () => this.choose(button.dataset.tool));
    const element = stage.element;
    element.addEventListener("pointerdown", (event) => this.down(event), { capture: true });
    element.addEventListener("pointermove", (event) => this.move(event));
    element.addEventListener("pointerup", (event) => this.up(event), { capture: true });
  }

  choose(tool) {
    const button = document.querySelector(`.tool[data-tool=${tool}]`);
    if (button.disabled) return;
    if (MEASURES.has(tool) && !this.data.scale) return this.say(this.data.texts.no_measuring);
    this.tool = tool;
    this.points = [];
    this.hover = null;
    this.stage.element.dataset.tool = tool;
    for (const other of document.querySelectorAll(".tool")) other.setAttribute("aria-pressed", String(other === button));
    this.stage.viewer.setMouseNavEnabled(tool === "look");
    this.overlay.crossAt = tool !== "look";
    this.say(tool === "look" ? "" : this.data.texts[`use_${tool}`]);
    if (tool !== "look") this.stage.element.focus({ preventScroll: true });
    this.changed();
  }

  /** Drops what was begun, or the last measurement; tells whether there was any. */
  cancel() {
    if (this.points.length) this.points = [];
    else if (this.measured.length) this.measured.pop();
    else return false;
    this.changed();
    return true;
  }

  at(event) {
    const box = this.stage.element.getBoundingClientRect();
    return this.stage.toImage(event.clientX - box.left, event.clientY - box.top);
  }

  down(event) {
    if (this.tool === "look" || event.button !== 0 || event.target.closest(".curtain")) return;
    event.preventDefault();
    this.pressed = [event.clientX, event.clientY];
    this.overlay.crossAt = false;
    this.add(this.at(event));
  }

  move(event) {
    if (this.tool === "look" || !this.points.length) return;
    this.hover = this.at(event);
    this.changed();
  }

  /** A drag ends where it is let go; a click leaves the next point to another click. */
  up(event) {
    if (this.tool === "look" || !this.points.length || !this.pressed) return;
    const moved = Math.hypot(event.clientX - this.pressed[0], event.clientY - this.pressed[1]);
    this.pressed = null;
    if (moved > 5) this.add(this.at(event));
  }

  pointAtCentre() {
    if (this.tool !== "look") this.add(this.stage.centre());
  }

  add(point) {
    const inside = [Math.min(Math.max(point[0], 0), this.data.width), Math.min(Math.max(point[1], 0), this.data.height)];
    this.points.push(inside);
    if (this.points.length === NEEDED[this.tool]) {
      const points = this.points;
      this.points = [];
      this.hover = null;
      if (MEASURES.has(this.tool)) this.measure(points);
      else this.keep(this.tool, points);
    }
    this.changed();
  }

  measure(points) {
    const result = this.tool === "length" ? lengthOf(points, this.data.scale, this.stage.zoom) : angleOf(points, this.stage.zoom);
    const label = `${result.value} \u00b1 ${result.uncertainty} ${this.tool === "length" ? "mm" : "\u00b0"}`;
    this.measured.push({ points, shape: this.tool === "length" ? "line" : "angle", kind: "measure", label });
    this.say(this.fill(this.data.texts[`measured_${this.data.scale.source}`], { result: `\u2066${label}\u2069` }));
  }

  async keep(shape, points) {
    const text = await this.askText(shape);
    if (text === null) return this.changed();
    const base = this.stage.layers.get(this.compare.base);
    const own = this.data.layers.find((layer) => layer.name === base?.light) ?? this.data.layers[0];
    const scale = own.width / this.data.width;
    const at = points.map(([x, y]) => [Math.min(x * scale, own.width), Math.min(y * scale, own.height)]);
    try {
      hideFailure();
      const body = { page: this.data.page, light: own.light, shape, points: at, text };
      await call("POST", `/api/v1/cases/${this.data.case}/annotations`, body, this.data.texts.offline);
      this.say(this.data.texts.mark_kept);
      await this.saved();
    } catch (error) {
      showFailure(error);
    }
  }

  /** The words for a mark; null where it is dropped. */
  askText() {
    const dialog = byId("text-dialog");
    const text = byId("mark-text");
    text.value = "";
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((done) => dialog.addEventListener("close", () => done(dialog.returnValue === "keep" ? text.value.trim() : null), { once: true }));
  }

  shapes() {
    const shown = [...this.measured];
    if (this.points.length) {
      const points = this.hover ? [...this.points, this.hover] : this.points;
      const box = this.tool === "rectangle" && points.length === 2;
      const shape = box ? "polygon" : points.length > 1 ? "line" : "point";
      shown.push({ points: box ? corners(points) : points, shape, kind: MEASURES.has(this.tool) ? "measure" : "mark" });
    }
    return shown;
  }
}
