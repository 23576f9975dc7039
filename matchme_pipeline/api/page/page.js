// Renews the operations page every 30 seconds and keeps the reader's place: only sections that changed are replaced,
// the keyboard's focus stays on the same button, and the visible content does not move.
"use strict";

const RENEW_MILLISECONDS = 30_000;

async function renew() {
  if (document.hidden) return;
  const answer = await fetch("/", { headers: { Accept: "text/html" } }).catch(() => null);
  const fresh = answer?.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
  if (fresh === null || fresh.querySelector("#assessment") === null) {
    document.querySelector("#stale").hidden = false;
    return;
  }
  document.querySelector("#stale").hidden = true;
  keepingPlace(() => replaceSections(fresh));
}

function replaceSections(fresh) {
  const main = document.querySelector("main");
  const old = new Map([...main.querySelectorAll(":scope > [id]")].map((section) => [section.id, section]));
  let last = null;
  for (const section of fresh.querySelectorAll("main > [id]")) {
    let kept = old.get(section.id);
    old.delete(section.id);
    if (kept === undefined || kept.outerHTML !== section.outerHTML) {
      const renewed = document.adoptNode(section);
      if (kept === undefined) last === null ? main.prepend(renewed) : last.after(renewed);
      else kept.replaceWith(renewed);
      kept = renewed;
    }
    last = kept;
  }
  for (const gone of old.values()) gone.remove();
  document.title = fresh.title;
}

function keepingPlace(change) {
  const top = (section) => section.getBoundingClientRect().top;
  const seen = [...document.querySelectorAll("main > [id]")].find((one) => one.getBoundingClientRect().bottom > 0);
  const [id, before] = seen ? [seen.id, top(seen)] : [null, 0];
  const action = document.activeElement?.closest("form")?.getAttribute("action");
  change();
  const same = id === null ? null : document.getElementById(id);
  if (same !== null) window.scrollBy(0, top(same) - before);
  if (action && !document.activeElement?.closest("form")) {
    const form = [...document.querySelectorAll("main form")].find((one) => one.getAttribute("action") === action);
    form?.querySelector("button")?.focus({ preventScroll: true });
  }
}

setInterval(renew, RENEW_MILLISECONDS);
document.addEventListener("visibilitychange", renew);
