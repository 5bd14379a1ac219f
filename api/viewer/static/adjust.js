// Brightness, contrast, inversion, one channel: of what the screen shows alone, through CSS filters on the canvas.

const byId = (id) => document.getElementById(id);

export class Adjust {
  constructor(stages) {
    this.stages = stages;
    for (const id of ["brightness", "contrast", "channel"]) byId(id).addEventListener("input", () => this.apply());
    byId("invert").addEventListener("click", () => this.invert());
    byId("reset").addEventListener("click", () => this.reset());
  }

  add(stage) {
    this.stages.push(stage);
    this.apply();
  }

  invert() {
    const button = byId("invert");
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    this.apply();
  }

  reset() {
    byId("brightness").value = byId("contrast").value = 100;
    byId("channel").value = "all";
    byId("invert").setAttribute("aria-pressed", "false");
    this.apply();
  }

  apply() {
    const [brightness, contrast, channel] = ["brightness", "contrast", "channel"].map((id) => byId(id).value);
    const parts = [];
    if (channel !== "all") parts.push(`url("#only-${channel}")`);
    if (brightness !== "100") parts.push(`brightness(${brightness / 100})`);
    if (contrast !== "100") parts.push(`contrast(${contrast / 100})`);
    if (byId("invert").getAttribute("aria-pressed") === "true") parts.push("invert(1)");
    for (const stage of this.stages) stage.viewer.drawer.canvas.style.filter = parts.join(" ") || "none";
  }
}
