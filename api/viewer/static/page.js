// A page without a picture: its keys, and lines of a table that can be walked through.

import { listen } from "./keys.js";
import { shellKeys } from "./shell.js";

const links = () => [...document.querySelectorAll(".case-link")];

function walk(step) {
  const all = links();
  const now = all.indexOf(document.activeElement);
  all[Math.min(Math.max(now + step, 0), all.length - 1)]?.focus();
}

listen({
  ...shellKeys,
  s: () => document.getElementById("q")?.focus(),
  j: () => walk(1),
  k: () => walk(-1),
});
document.body.dataset.ready = "yes";
