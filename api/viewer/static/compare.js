// Two layers of one position against each other: blink, cross-fade, curtain, difference, side by side.

/* global OpenSeadragon */

// Never above three changes a second (WCAG 2.3.1); one a second where less motion is asked for.
const MOST_CHANGES_A_SECOND = 2.8;
const SLOW = window.matchMedia("(prefers-reduced-motion: reduce)").matches;

export class Compare {
  constructor(stage, changed) {
    this.stage = stage;
    this.changed = changed;
    this.mode = "";
    this.base = "";
    this.against = "";
    this.amount = 0.5;
    this.changesASecond = SLOW ? 1 : 2;
    this.blinked = false;
    this.curtain = document.createElement("button");
    this.curtain.type = "button";
    this.curtain.className = "curtain";
    this.curtain.hidden = true;
    this.curtain.tabIndex = -1;
    this.curtain.setAttribute("aria-hidden", "true"); // the slider beside the modes does the same by keys
    stage.element.append(this.curtain);
    this.dragCurtain();
    stage.viewer.addHandler("update-viewport", () => this.clip());
  }

  /** Shows one layer, keeping the mode where another to compare with is left. */
  setBase(name) {
    if (!this.stage.items.has(name)) return;
    if (name === this.against) this.against = this.base || [...this.stage.items.keys()].find((other) => other !== name) || "";
    this.base = name;
    this.apply();
  }

  setMode(mode) {
    this.mode = this.mode === mode ? "" : mode;
    this.apply();
  }

  setAmount(share) {
    this.amount = share;
    this.changesASecond = Math.max(0.5, share * MOST_CHANGES_A_SECOND);
    this.apply();
  }

  apply() {
    clearInterval(this.timer);
    const two = this.mode && this.mode !== "beside" && this.stage.items.has(this.against) && this.against !== this.base;
    const shown = new Map([[this.base, { opacity: 1 }]]);
    if (two) shown.set(this.against, this.how());
    this.stage.show(shown);
    this.curtain.hidden = !(two && this.mode === "curtain");
    this.last = null;
    this.clip();
    if (two && this.mode === "blink") {
      const top = this.stage.items.get(this.against);
      this.timer = setInterval(() => {
        this.blinked = !this.blinked;
        top.setOpacity(this.blinked ? 1 : 0);
      }, 1000 / Math.min(this.changesASecond, MOST_CHANGES_A_SECOND));
    }
    this.changed();
  }

  how() {
    if (this.mode === "fade") return { opacity: this.amount };
    if (this.mode === "blink") return { opacity: this.blinked ? 1 : 0 };
    if (this.mode === "difference") return { opacity: 1, difference: true };
    return { opacity: 1, clip: true };
  }

  /** Cuts the upper layer off at the curtain, wherever the picture is just now. */
  clip() {
    if (this.curtain.hidden) return;
    const item = this.stage.items.get(this.against);
    const size = this.stage.viewport.getContainerSize();
    const edge = this.amount * size.x;
    this.curtain.style.left = `${edge}px`;
    const corners = [[edge, 0], [size.x, 0], [size.x, size.y], [edge, size.y]].map(([x, y]) =>
      item.viewerElementToImageCoordinates(new OpenSeadragon.Point(x, y)));
    const xs = corners.map((point) => point.x);
    const ys = corners.map((point) => point.y);
    const box = [Math.min(...xs), Math.min(...ys), Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys)];
    if (this.last && box.every((value, index) => Math.abs(value - this.last[index]) < 0.5)) return;
    this.last = box;
    item.setClip(new OpenSeadragon.Rect(...box));
  }

  dragCurtain() {
    this.curtain.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      event.stopPropagation();
      this.curtain.setPointerCapture(event.pointerId);
      const move = (moved) => {
        const box = this.stage.element.getBoundingClientRect();
        this.amount = Math.min(Math.max((moved.clientX - box.left) / box.width, 0.02), 0.98);
        this.clip();
        this.changed();
      };
      this.curtain.addEventListener("pointermove", move);
      this.curtain.addEventListener("pointerup", () => this.curtain.removeEventListener("pointermove", move), { once: true });
    });
  }
}

/** Two pictures that move together; the one that is moved leads. Unlocked, each moves by itself; locked again, they keep
 * the shift and the ratio they had. */
export class Sync {
  constructor(one, other) {
    this.stages = [one, other];
    this.locked = true;
    this.leading = null;
    this.relation = { ratio: 1, x: 0, y: 0 };
    one.viewer.addHandler("viewport-change", () => this.follow(one, other, 1));
    other.viewer.addHandler("viewport-change", () => this.follow(other, one, -1));
  }

  toggle() {
    this.locked = !this.locked;
    if (!this.locked) return;
    const [one, other] = this.stages.map((stage) => stage.viewport);
    const ratio = other.getZoom(true) / one.getZoom(true);
    const shift = other.getCenter(true).minus(one.getCenter(true));
    this.relation = { ratio, x: shift.x, y: shift.y };
  }

  follow(from, to, sign) {
    if (!this.locked || (this.leading && this.leading !== from)) return;
    this.leading = from;
    const { ratio, x, y } = this.relation;
    const centre = from.viewport.getCenter(true);
    to.viewport.zoomTo(from.viewport.getZoom(true) * ratio ** sign, null, true);
    to.viewport.panTo(new OpenSeadragon.Point(centre.x + sign * x, centre.y + sign * y), true);
    this.leading = null;
  }
}
