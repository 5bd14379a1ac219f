// The pages of document series: choosing captures, learning, approving, retiring.

import { call, hideFailure, showFailure } from "./call.js";
import { listen } from "./keys.js";
import { shellKeys } from "./shell.js";

const byId = (id) => document.getElementById(id);
const form = byId("enrol-form");

function chosen() {
  return new FormData(form).getAll("screening");
}

if (form) {
  form.addEventListener("change", () => { byId("chosen").textContent = form.dataset.chosen.replace("#", chosen().length); });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    hideFailure();
    byId("learning").hidden = false;
    byId("learn").disabled = true;
    try {
      const given = new FormData(form);
      const body = { code: given.get("code"), note: given.get("note"), screenings: chosen() };
      const made = await call("POST", "/api/v1/references", body, form.dataset.offline);
      location.assign(`/references/${encodeURIComponent(made.code)}`);
    } catch (error) {
      showFailure(error);
    } finally {
      byId("learning").hidden = true;
      byId("learn").disabled = false;
    }
  });
}
for (const button of document.querySelectorAll(".decide")) {
  button.addEventListener("click", async () => {
    hideFailure();
    try {
      await call("POST", button.dataset.url, undefined, byId("failure").dataset.offline);
      location.reload();
    } catch (error) {
      showFailure(error);
    }
  });
}
listen(shellKeys);
document.body.dataset.ready = "yes";
