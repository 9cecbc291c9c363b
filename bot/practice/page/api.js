// Talking to the practice server: one long poll for the state, one short poll for the shop,
// and posts for what a person does. A server that goes away and comes back is expected.

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function getJson(path) {
  const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(30_000) });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
  return answer.json();
}

/** Do something as a person. Never throws: an unreachable server is an answer like any other. */
export async function post(action, body) {
  try {
    const answer = await fetch(`/practice/${action}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    return await answer.json();
  } catch {
    return { ok: false, error: "unreachable", hint: "The practice server can't be reached." };
  }
}

/**
 * Follow the state for ever. `onState(state)` for each new one, `onLink(up)` when the
 * connection breaks or returns. After a break the first question asks for whatever there
 * is, because a restarted server counts its revisions from the beginning.
 */
export async function followState(onState, onLink) {
  let revision = -1;
  for (let failures = 0; ; ) {
    let state;
    try {
      const wait = revision < 0 ? 0 : 20;
      state = await getJson(`/practice/state?after=${revision}&wait=${wait}`);
    } catch {
      revision = -1;
      failures += 1;
      onLink(false);
      await pause(Math.min(250 * failures, 2000));
      continue;
    }
    failures = 0;
    onLink(true);
    if (state.revision === revision) await pause(100);
    else onState(state);
    revision = state.revision;
  }
}

/** Read the shop once a second for ever; `onShop(null)` when it can't be read. */
export async function followShop(onShop) {
  for (;;) {
    onShop(await getJson("/practice/shop").catch(() => null));
    await pause(1000);
  }
}
