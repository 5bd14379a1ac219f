// The list of findings: choosing one goes to its place, in its light, with what was measured.

import { parsePoints } from "./overlay.js";

export class Findings {
  constructor({ data, stage, overlay, showLayer }) {
    Object.assign(this, { data, stage, overlay, showLayer });
    this.rows = [...document.querySelectorAll(".finding")];
    this.chosen = null;
    this.changed = () => {};
    for (const row of this.rows) row.addEventListener("click", () => this.choose(row === this.chosen ? null : row));
  }

  step(by) {
    if (!this.rows.length) return;
    const at = this.chosen ? this.rows.indexOf(this.chosen) + by : by > 0 ? 0 : this.rows.length - 1;
    this.choose(this.rows[(at + this.rows.length) % this.rows.length]);
    this.chosen.focus();
  }

  choose(row) {
    if (row && Number(row.dataset.page) !== this.data.page) {
      location.assign(`?page=${row.dataset.page}#finding-${this.rows.indexOf(row)}`);
      return;
    }
    for (const other of this.rows) {
      other.setAttribute("aria-expanded", String(other === row));
      other.nextElementSibling.hidden = other !== row;
    }
    this.chosen = row;
    this.overlay.heat = null;
    if (row) {
      this.showLayer(row.dataset.light);
      if (row.dataset.points) this.stage.look(parsePoints(row.dataset.points));
      this.showHeat(row);
      this.showPair(row.nextElementSibling.querySelector(".pair"));
    }
    this.changed();
  }

  /** The place beside the same place of the reference; asked for once, when somebody looks. */
  showPair(place) {
    if (!place || place.childElementCount) return;
    for (const name of ["crop", "reference"]) {
      if (!place.dataset[name]) continue;
      const figure = document.createElement("figure");
      const image = new Image();
      const said = document.createElement("figcaption");
      said.textContent = place.dataset[`${name}Alt`];
      image.alt = said.textContent;
      image.addEventListener("error", () => figure.remove());
      image.src = place.dataset[name];
      figure.append(image, said);
      place.append(figure);
    }
  }

  async showHeat(row) {
    if (!row.dataset.heat || !this.data.outline) return;
    const image = new Image();
    image.src = row.dataset.heat;
    try {
      await image.decode();
    } catch {
      return; // no picture of the evidence: the finding says what it says without it
    }
    if (row !== this.chosen) return;
    this.overlay.heat = { url: image.src, width: image.naturalWidth, height: image.naturalHeight, corners: this.data.outline };
    this.overlay.draw();
  }

  /** Regions of what speaks against the document, and of the chosen one. */
  shapes() {
    return this.rows
      .filter((row) => row.dataset.points && Number(row.dataset.page) === this.data.page)
      .filter((row) => row === this.chosen || row.classList.contains("failed"))
      .map((row) => ({
        points: parsePoints(row.dataset.points),
        shape: "polygon",
        kind: "finding",
        label: row.querySelector(".id").textContent,
        chosen: row === this.chosen,
      }));
  }

  openFromAddress() {
    const found = /^#finding-(\d+)$/.exec(location.hash);
    if (found && this.rows[Number(found[1])]) this.choose(this.rows[Number(found[1])]);
  }
}
