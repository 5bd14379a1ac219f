// What every page but the desk's has: the language, and the help that the keys themselves open.

import { keysOn, setKeysOn } from "./keys.js";

const help = document.getElementById("help-dialog");
document.getElementById("help").addEventListener("click", () => help.showModal());
const box = document.getElementById("keys-on");
box.checked = keysOn();
box.addEventListener("change", () => setKeysOn(box.checked));

/** The other language, at the same place with the same filters. */
function changeLanguage() {
  const link = document.getElementById("language");
  const query = new URLSearchParams(location.search);
  query.set("lang", link.hreflang);
  location.assign(`${location.pathname}?${query}`);
}
document.getElementById("language").addEventListener("click", (event) => {
  event.preventDefault();
  changeLanguage();
});

export const shellKeys = { l: changeLanguage, "?": () => help.showModal() };
