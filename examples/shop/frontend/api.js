// Requests to the shop's services. On any 401 a person is asked to sign in, and the request is sent again, once.
// This page holds no token and reads no cookie: the edge does all of that.

/** A request that was answered, but not with success; `message` is fit to be shown. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The person closed the sign-in dialog. */
export class Cancelled extends Error {}

/**
 * Send a request and give the parsed answer. `signIn` is called when the caller is not known; it resolves once
 * they have signed in, or rejects with Cancelled.
 */
export async function send(path, options, signIn) {
  let answer = await ask(path, options);
  if (answer.status === 401) {
    await signIn();
    answer = await ask(path, options);
  }
  return parsed(answer);
}

/** Sign in; rejects with Refused and the reason. */
export async function signIn(email, password) {
  return parsed(await ask("/sign-in", json("POST", { email, password })));
}

export async function signOut() {
  await parsed(await ask("/sign-out", { method: "POST" }));
}

/** Who is signed in, or null. */
export async function me() {
  const answer = await ask("/me");
  return answer.status === 401 ? null : parsed(answer);
}

export function json(method, body) {
  return { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

async function ask(path, options = {}) {
  try {
    return await fetch(path, { ...options, headers: { accept: "application/json", ...options.headers } });
  } catch {
    throw new Refused(0, "The shop cannot be reached. Are you online?");
  }
}

async function parsed(answer) {
  const body = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (answer.ok) return body;
  throw new Refused(answer.status, worded(answer, body));
}

function worded(answer, body) {
  const said = body?.detail ?? `The shop answered ${answer.status}.`;
  const wait = answer.headers.get("retry-after");
  if (wait === null) return said;
  return `${said} Try again in ${wait} ${wait === "1" ? "second" : "seconds"}.`;
}
