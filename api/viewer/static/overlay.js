// What is drawn over the picture: regions of findings, marks, measurements, heat maps. Nothing of it is in the picture.

const SVG = "http://www.w3.org/2000/svg";

function make(name, attributes, parent) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
}

/** Points of "x,y x,y" as pairs of numbers. */
export function parsePoints(text) {
  return text ? text.split(" ").map((pair) => pair.split(",").map(Number)) : [];
}

export class Overlay {
  constructor(stage) {
    this.stage = stage;
    this.shapes = []; // {points, shape: "polygon" | "line" | "point" | "note" | "angle", kind, label, chosen}
    this.heat = null; // {url, corners: [[x, y] * 4]}
    this.crossAt = false;
    this.svg = make("svg", { class: "overlay", "aria-hidden": "true", focusable: "false" }, stage.element);
    const redraw = () => this.draw();
    for (const name of ["update-viewport", "resize", "open"]) stage.viewer.addHandler(name, redraw);
    this.hidden = false;
  }

  hide(hidden) {
    this.hidden = hidden;
    this.draw();
  }

  draw() {
    this.svg.replaceChildren();
    if (!this.stage.items.size || this.hidden) return;
    if (this.heat) this.drawHeat();
    for (const shape of this.shapes) this.drawShape(shape);
    if (this.crossAt) {
      const size = this.stage.viewport.getContainerSize();
      make("path", { class: "cross", d: `M${size.x / 2 - 14} ${size.y / 2}h28M${size.x / 2} ${size.y / 2 - 14}v28` }, this.svg);
    }
  }

  drawShape({ points, shape, kind, label, chosen }) {
    const on = points.map(([x, y]) => this.stage.toScreen(x, y));
    const listed = on.map((point) => `${point.x.toFixed(1)},${point.y.toFixed(1)}`).join(" ");
    for (const layer of ["under", "over"]) {
      const attributes = { class: `${layer} ${kind} ${chosen ? "chosen" : ""}` };
      if (shape === "polygon") make("polygon", { ...attributes, points: listed }, this.svg);
      else if (shape === "line" || shape === "angle") make("polyline", { ...attributes, points: listed }, this.svg);
      else make("circle", { ...attributes, cx: on[0].x, cy: on[0].y, r: shape === "note" ? 9 : 6 }, this.svg);
      if (shape === "line" || shape === "angle") for (const end of on) make("circle", { ...attributes, cx: end.x, cy: end.y, r: 3 }, this.svg);
    }
    if (!label) return;
    const at = shape === "polygon" ? { x: Math.min(...on.map((p) => p.x)), y: Math.min(...on.map((p) => p.y)) - 6 } : { x: on.at(-1).x + 11, y: on.at(-1).y - 8 };
    make("text", { x: at.x, y: at.y }, this.svg).textContent = label;
  }

  drawHeat() {
    const [a, b, , d] = this.heat.corners.map(([x, y]) => this.stage.toScreen(x, y));
    const [w, h] = [this.heat.width, this.heat.height];
    const matrix = [(b.x - a.x) / w, (b.y - a.y) / w, (d.x - a.x) / h, (d.y - a.y) / h, a.x, a.y];
    make("image", { href: this.heat.url, width: w, height: h, preserveAspectRatio: "none", transform: `matrix(${matrix.join(" ")})` }, this.svg);
  }
}

/** A rectangle's two corners as four. */
export function corners([[x0, y0], [x1, y1]]) {
  return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
}
