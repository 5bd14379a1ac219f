// Forms that speak to the service's interface: they send JSON, show what they get or what went wrong, and go on.
//
// <form data-method data-action> with data-then (the page that follows) or data-show (the element that shows the answer:
// [data-value=name] as text, [data-list=name] as a list, [data-svg=name] as a picture). Fields: data-many makes a list,
// data-flag true or false, data-null an empty choice null; data-leave is for the browser's password store only.

const failure = document.getElementById("failure");

function bodyOf(form) {
  const body = {};
  for (const field of form.elements) {
    if (!field.name || "leave" in field.dataset) continue;
    if ("many" in field.dataset) {
      body[field.name] ??= [];
      if (field.checked) body[field.name].push(field.value);
    } else if ("flag" in field.dataset) {
      body[field.name] = field.value === "true";
    } else {
      body[field.name] = "null" in field.dataset && field.value === "" ? null : field.value;
    }
  }
  return body;
}

function fail(error) {
  for (const part of ["message", "remedy", "code"]) failure.querySelector(`[data-part=${part}]`).textContent = error[part] ?? "";
  failure.hidden = false;
  failure.scrollIntoView({ block: "nearest" });
}

function show(place, answer) {
  for (const element of place.querySelectorAll("[data-value]")) element.textContent = answer[element.dataset.value] ?? "";
  for (const list of place.querySelectorAll("[data-list]")) {
    list.replaceChildren(...(answer[list.dataset.list] ?? []).map((value) => {
      const item = document.createElement("li");
      item.textContent = value;
      return item;
    }));
  }
  for (const picture of place.querySelectorAll("[data-svg]")) {
    const drawn = new DOMParser().parseFromString(answer[picture.dataset.svg] ?? "", "text/html").querySelector("svg");
    picture.replaceChildren(...(drawn ? [drawn] : []));
  }
  place.hidden = false;
  place.scrollIntoView({ block: "nearest" });
}

/** A page of this service to go on with; anything else could lead a user who just logged in elsewhere. */
function own(address, otherwise) {
  return /^\/(?![/\\])/.test(address ?? "") ? address : otherwise;
}

async function send(form) {
  const method = form.dataset.method;
  const headers = { "Accept-Language": document.documentElement.lang };
  const options = { method, headers };
  if (method !== "DELETE") {
    headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(bodyOf(form));
  }
  let answer, body;
  try {
    answer = await fetch(form.dataset.action, options);
    body = answer.status === 204 ? {} : await answer.json();
  } catch {
    const [message, remedy] = document.body.dataset.offline.split("|");
    return fail({ code: "page.offline", message, remedy });
  }
  if (!answer.ok) return fail(body);
  for (const field of form.querySelectorAll("input[type=password], input[autocomplete=one-time-code]")) field.value = "";
  failure.hidden = true;
  if (form.dataset.show) return show(document.getElementById(form.dataset.show), body);
  const then = "home" in form.dataset && (!form.dataset.then || body.pending?.length) ? body.home : form.dataset.then;
  location.assign(own(then, "/"));
}

for (const form of document.querySelectorAll("form[data-action]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const buttons = [...form.querySelectorAll("button")];
    for (const button of buttons) button.disabled = true;
    try {
      await send(form);
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  });
}
document.body.dataset.ready = "yes";
