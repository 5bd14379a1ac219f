// One key for every action. They can be switched off, because software that dictates or corrects text types letters.

const STORE = "dafec.keys";

export function keysOn() {
  return localStorage.getItem(STORE) !== "off";
}

export function setKeysOn(on) {
  localStorage.setItem(STORE, on ? "on" : "off");
}

/** The name of a pressed key, also where the keyboard is set to Arabic and the key gives another letter. */
function nameOf(event) {
  if (event.key === "?" || event.key === "\u061f") return "?";
  if (/^[a-z0-9]$/i.test(event.key)) return event.key.toLowerCase();
  const place = /^(?:Key|Digit)([A-Z0-9])$/.exec(event.code);
  return place ? place[1].toLowerCase() : "";
}

/** Calls ``actions[name]`` for every key pressed outside a text field. */
export function listen(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || !keysOn()) return;
    const dialog = document.querySelector("dialog[open]");
    if (dialog) {
      if (nameOf(event) === "?") {
        event.preventDefault();
        dialog.close();
      }
      return;
    }
    if (event.target.closest("input:not([type=checkbox]), textarea, select")) return;
    const action = actions[nameOf(event)];
    if (action) {
      event.preventDefault();
      action();
    }
  });
}
