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
  if (event.key === "+" || event.key === "=" || event.code === "NumpadAdd") return "+";
  if (event.key === "-" || event.code === "NumpadSubtract") return "-";
  if (event.key === "Enter" || event.key === "Escape" || event.key.startsWith("Arrow")) return event.key;
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
    const name = nameOf(event);
    if (name === "Enter" && event.target.closest("button, a, summary")) return;
    const action = actions[name];
    if (action) {
      event.preventDefault();
      action();
    }
  });
}

/** Calls ``down`` while the key of that name is held, and ``up`` when it is let go or the page loses the keyboard. */
export function listenHeld(name, down, up) {
  let held = false;
  document.addEventListener("keydown", (event) => {
    const busy = event.ctrlKey || event.altKey || event.metaKey || !keysOn() || document.querySelector("dialog[open]");
    if (busy || nameOf(event) !== name || event.target.closest("input:not([type=checkbox]), textarea, select")) return;
    event.preventDefault();
    if (!held) down();
    held = true;
  });
  const release = () => { if (held) up(); held = false; };
  document.addEventListener("keyup", (event) => { if (nameOf(event) === name) release(); });
  window.addEventListener("blur", release);
}
