// Calls of the service's interface, and its errors in the page.

const failure = () => document.getElementById("failure");

export class CallError extends Error {
  constructor(body) {
    super(body.code);
    this.body = body;
  }
}

/** Sends JSON and gives the answer's body, or null where it has none. Throws CallError with the service's own words. */
export async function call(method, url, body, offline) {
  let answer;
  try {
    answer = await fetch(url, {
      method,
      headers: { "Accept-Language": document.documentElement.lang, "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    const [message, remedy] = offline.split("|");
    throw new CallError({ code: "page.offline", message, remedy });
  }
  const said = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (!answer.ok) throw new CallError(said ?? { code: `http.${answer.status}`, message: "", remedy: "" });
  return said;
}

export function showFailure(error) {
  if (!(error instanceof CallError)) throw error;
  const place = failure();
  for (const part of ["message", "remedy", "code"]) place.querySelector(`[data-part=${part}]`).textContent = error.body[part] ?? "";
  place.hidden = false;
  place.scrollIntoView({ block: "nearest" });
}

export function hideFailure() {
  failure().hidden = true;
}
