// The reference of a document series as layers over the document: that of the report, or one chosen by hand.

const byId = (id) => document.getElementById(id);

export class References {
  constructor(data, stage, say, changed) {
    Object.assign(this, { data, stage, say, changed });
    this.code = data.series;
    byId("series").addEventListener("change", (event) => this.change(event.target.value));
  }

  /** The name of the reference's layer in a light, laid over the document; empty where there is none. */
  async layer(light, { quiet = false } = {}) {
    if (!this.listed) await this.list();
    if (!this.code) {
      if (!quiet) this.say(this.data.texts.no_reference);
      return "";
    }
    await this.load();
    const names = [...this.stage.items.keys()].filter((name) => name.startsWith("reference-"));
    return names.find((name) => name === `reference-${light}`) ?? names[0] ?? "";
  }

  async list() {
    const answer = await fetch(`/api/v1/references?case=${this.data.case}`);
    this.listed = answer.ok ? (await answer.json()).items.filter((series) => series.state !== "retired") : [];
    const select = byId("series");
    select.replaceChildren(...this.listed.map((series) => new Option(series.code, series.code)));
    this.code ??= this.listed.find((series) => series.fits)?.code ?? null;
    select.value = this.code ?? "";
  }

  async load() {
    if (this.loaded === this.code) return;
    for (const name of [...this.stage.items.keys()]) if (name.startsWith("reference-")) this.stage.remove(name);
    const answer = await fetch(`/api/v1/cases/${this.data.case}/references/${encodeURIComponent(this.code)}?page=${this.data.page}`);
    const layers = answer.ok ? (await answer.json()).layers : [];
    await Promise.all(layers.map((layer) => this.stage.add(layer)));
    this.loaded = this.code;
    if (!layers.length) this.say(this.data.texts.no_reference);
    this.changed();
  }

  async change(code) {
    this.code = code;
    await this.load();
  }
}
