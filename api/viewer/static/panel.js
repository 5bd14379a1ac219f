// The panel beside the picture: its tabs, notes, who has the case, the conclusion.

const byId = (id) => document.getElementById(id);
const NAMES = ["findings", "marks", "decide"];

export function bindPanel({ data, call, showFailure, hideFailure, refreshMarks, say }) {
  const url = `/api/v1/cases/${data.case}`;

  function open(name, focus = false) {
    for (const one of NAMES) {
      const on = one === name;
      byId(`tab-${one}`).setAttribute("aria-selected", String(on));
      byId(`tab-${one}`).tabIndex = on ? 0 : -1;
      byId(`panel-${one}`).hidden = !on;
    }
    if (focus) byId(`tab-${name}`).focus();
    sessionStorage.setItem("dafec.tab", name);
  }

  for (const [index, name] of NAMES.entries()) {
    const tab = byId(`tab-${name}`);
    tab.addEventListener("click", () => open(name));
    tab.addEventListener("keydown", (event) => {
      const forward = document.documentElement.dir === "rtl" ? "ArrowLeft" : "ArrowRight";
      const step = event.key === forward ? 1 : ["ArrowLeft", "ArrowRight"].includes(event.key) ? -1 : 0;
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      open(NAMES[(index + step + NAMES.length) % NAMES.length], true);
    });
  }

  async function tried(work) {
    hideFailure();
    try {
      await work();
    } catch (error) {
      showFailure(error);
    }
  }

  byId("note-form")?.addEventListener("submit", (event) => {
    event.preventDefault();
    tried(async () => {
      await call("POST", `${url}/notes`, { text: byId("note-text").value }, data.texts.offline);
      byId("note-text").value = "";
      await refreshMarks();
      say(data.texts.note_kept);
    });
  });
  byId("assign")?.addEventListener("click", (event) => tried(async () => {
    await call("PUT", `${url}/assignee`, { mine: event.target.dataset.mine === "true" }, data.texts.offline);
    location.reload();
  }));
  byId("ask-second")?.addEventListener("click", () => tried(async () => {
    await call("POST", `${url}/second-opinion`, undefined, data.texts.offline);
    location.reload();
  }));
  const form = byId("opinion-form");
  form?.addEventListener("change", () => {
    const undecided = new FormData(form).get("conclusion") === "inconclusive";
    for (const step of form.elements.support) {
      step.disabled = undecided !== (step.value === "0");
      if (step.disabled) step.checked = false;
      else if (undecided) step.checked = true;
    }
  });
  form?.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = new FormData(form);
    tried(async () => {
      const body = { kind: form.dataset.kind, conclusion: given.get("conclusion"), support: Number(given.get("support")), grounds: given.get("grounds") };
      await call("POST", `${url}/opinions`, body, data.texts.offline);
      location.reload();
    });
  });

  const kept = sessionStorage.getItem("dafec.tab");
  open(NAMES.includes(kept) ? kept : "findings");
  return { open };
}
