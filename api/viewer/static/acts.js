// What the officer decides at the desk: refer, let pass, correct the read. Both directions cost the same.

const byId = (id) => document.getElementById(id);
const dialog = byId("reason-dialog");
const correct = byId("correct-dialog");
const url = dialog ? `/api/v1/screenings/${encodeURIComponent(dialog.dataset.screening)}` : "";

async function send(path, body, place) {
  let answer;
  try {
    answer = await fetch(url + path, {
      method: "POST",
      headers: { "Accept-Language": document.documentElement.lang, "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    place.textContent = dialog.dataset.offline.replace("|", " ");
    return null;
  }
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    place.textContent = `${said.message ?? ""} ${said.remedy ?? ""}`;
    return null;
  }
  return said;
}

async function decide(action, reason) {
  const fault = dialog.querySelector(".dialog-fault");
  fault.textContent = "";
  if (!(await send("/desk-decision", { action, reason }, fault))) {
    if (!dialog.open) dialog.showModal();
    return;
  }
  dialog.close();
  byId("decided").textContent = dialog.dataset[action === "refer" ? "doneRefer" : "doneLetPass"];
}

function ask(action) {
  dialog.querySelector("h2").textContent = dialog.dataset[action === "refer" ? "refer" : "letPass"];
  for (const list of dialog.querySelectorAll(".choices")) list.hidden = list.dataset.action !== action;
  dialog.querySelector(".dialog-fault").textContent = "";
  dialog.showModal();
  dialog.querySelector(".choices:not([hidden]) button").focus();
}

/** One key refers what the machine wants referred; against it, or beside it, the same reasons are asked for. */
export function refer() {
  if (!byId("refer")?.isConnected) return;
  if (byId("refer").dataset.reasons === "no") decide("refer", "machine");
  else ask("refer");
}

export function letPass() {
  if (byId("let-pass")?.isConnected) ask("let_pass");
}

export function correctRead() {
  if (!byId("correct")?.isConnected) return;
  correct.querySelector(".dialog-fault").textContent = "";
  correct.showModal();
}

if (dialog) {
  byId("refer").addEventListener("click", refer);
  byId("let-pass")?.addEventListener("click", letPass);
  byId("correct").addEventListener("click", correctRead);
  dialog.addEventListener("click", (event) => {
    const button = event.target.closest("[data-reason]");
    if (button) decide(button.closest(".choices").dataset.action, button.dataset.reason);
  });
  dialog.addEventListener("keydown", (event) => {
    const digit = /^Digit([1-9])$/.exec(event.code);
    const button = digit && dialog.querySelectorAll(".choices:not([hidden]) button")[Number(digit[1]) - 1];
    if (button) button.click();
  });
  correct.querySelector(".cancel").addEventListener("click", () => correct.close());
  byId("correct-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const lines = [...correct.querySelectorAll(".zone-line")].map((input) => input.value).filter((line) => line.trim());
    if (await send("/corrected-read", { lines }, correct.querySelector(".dialog-fault"))) location.reload();
  });
}
